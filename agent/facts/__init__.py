"""What a host says of itself: known without privileges, at once, of no network. docs/agent.md has the names."""
