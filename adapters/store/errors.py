"""The errors of a store; their texts tell an operator what to do."""


class StoreError(Exception):
    """The store failed; the root of the errors below."""


class BadUrl(StoreError):
    """The database URL names neither SQLite nor PostgreSQL, or is malformed."""


class Unreachable(StoreError):
    """The database does not answer, or refuses the connection."""


class NewerSchema(StoreError):
    """The database was made by a newer version; nothing in it was changed."""


class Busy(StoreError):
    """The database did not answer in time, or another process held it for too long."""


class Unstorable(StoreError, ValueError):
    """A text or number that no column can hold: a NUL, half a surrogate pair, beyond 64 bits."""
