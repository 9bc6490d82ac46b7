"""SQLite through the standard library: one thread owns the file and commits in groups.

Another thread has the file of what processes share.

May import adapters.store.tables, adapters.store.sql and the modules beside it.
"""
