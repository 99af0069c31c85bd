"""What people entered at a branch PC while the server was away, and what became of it."""
