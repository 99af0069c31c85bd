"""What a host says of itself: of no network, and never guessed. docs/facts.md has the names."""
