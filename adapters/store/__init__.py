"""SQLite and PostgreSQL behind the core's ports."""

from adapters.store.errors import BadUrl, Busy, NewerSchema, StoreError, Unreachable, Unstorable
from adapters.store.opening import Store, open_store
from adapters.store.urls import default_url

__all__ = [
    "BadUrl",
    "Busy",
    "NewerSchema",
    "Store",
    "StoreError",
    "Unreachable",
    "Unstorable",
    "default_url",
    "open_store",
]
