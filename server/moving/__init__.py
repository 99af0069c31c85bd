"""Moves a server from SQLite to PostgreSQL, once and whole."""
