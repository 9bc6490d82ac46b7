"""The store: SQLite or PostgreSQL behind the core's ports.

May import the core's ports and model. Its layers, from the top: opening; sqlite, postgres; tables,
secret; sql, inspection, urls; migrating; errors.
"""

from adapters.store.errors import (
    BackupError,
    BadUrl,
    Busy,
    NewerSchema,
    SharedSessions,
    StoreError,
    Unreachable,
    Unstorable,
)
from adapters.store.inspection import Inspection
from adapters.store.opening import Store, inspect_store, open_store
from adapters.store.urls import default_url

__all__ = [
    "BackupError",
    "BadUrl",
    "Busy",
    "Inspection",
    "NewerSchema",
    "SharedSessions",
    "Store",
    "StoreError",
    "Unreachable",
    "Unstorable",
    "default_url",
    "inspect_store",
    "open_store",
]
