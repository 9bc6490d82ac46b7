"""PostgreSQL through asyncpg: connections, notifications, leases and limits shared by nodes.

May import adapters.store.tables, adapters.store.sql and the modules beside it.
"""
