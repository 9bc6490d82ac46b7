"""SQLite and PostgreSQL behind the core's ports."""
