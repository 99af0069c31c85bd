"""The console without the server: what the agent of this PC says in files, and what people leave for it."""
