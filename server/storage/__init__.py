"""Where rows live: SQLite by default, PostgreSQL by URL. Both take the same tables and queries."""
