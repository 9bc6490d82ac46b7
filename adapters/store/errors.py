"""What can go wrong with a store; said so that whoever runs the gateway can act on it."""


class StoreError(Exception):
    """The store cannot do what it was asked."""


class BadUrl(StoreError):
    """The database URL is not one of ours."""


class Unreachable(StoreError):
    """The database does not answer, or does not let us in."""


class NewerSchema(StoreError):
    """The database was made by a newer version; nothing in it was touched."""


class Busy(StoreError):
    """Another process has held the database for too long. Nothing was written."""


class Unstorable(StoreError, ValueError):
    """A text or number that no column can hold: a NUL, half a surrogate pair, beyond 64 bits."""
