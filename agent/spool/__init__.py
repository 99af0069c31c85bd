"""What was seen, on disk until the server holds it, and the room it may take."""
