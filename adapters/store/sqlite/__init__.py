"""SQLite through the standard library: one thread owns the file and commits in groups.

May import adapters.store.tables, adapters.store.sql and the modules beside it.
"""
