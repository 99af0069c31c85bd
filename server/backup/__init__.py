"""A whole server in one file, made while it runs, and put into an empty home again."""
