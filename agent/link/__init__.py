"""The line to the server: who this agent is, whom it takes for the server, and what goes over it."""
