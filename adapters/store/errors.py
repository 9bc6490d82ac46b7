"""The errors of a store; their texts tell an operator what to do."""

from gateway.core.model.errors import LedgerUnavailable
from gateway.core.ports.storage import Unstorable as PortUnstorable


class StoreError(Exception):
    """The store failed; the root of the errors below. `passing`: it may be well again by itself."""

    passing = False


class BadUrl(StoreError):
    """The database URL names neither SQLite nor PostgreSQL, or is malformed."""


class BackupError(StoreError):
    """A backup cannot be made or put back."""


class SharedSessions(StoreError):
    """A pooler in front of PostgreSQL gives its sessions to others between transactions."""


class NewerSchema(StoreError):
    """The database was made by a newer version; nothing in it was changed."""


class Unstorable(StoreError, PortUnstorable):
    """A text or number that no column can hold: a NUL, half a surrogate pair, beyond 64 bits."""


class Unavailable(StoreError, LedgerUnavailable):
    """The database cannot be used now. Callers get the sentences of LedgerUnavailable."""

    def __init__(self, text: str) -> None:
        """`text` is for the operator: it may name hosts and files."""
        LedgerUnavailable.__init__(self)
        self.args = (text,)


class Unreachable(Unavailable):
    """The database does not answer, or refuses the connection."""


class Away(Unreachable):
    """The server is not there, or not ready yet."""

    passing = True


class Busy(Unavailable):
    """The database did not answer in time, or another process held it for too long."""

    passing = True
