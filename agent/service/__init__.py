"""The agent as a service of the system: the files, and what puts them in their place and takes them away."""
