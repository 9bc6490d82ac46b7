"""What a database holds, as it is read without changing anything in it."""

from dataclasses import dataclass

from adapters.store import migrating

SECRET_CHECK = "SELECT value FROM checks WHERE name = 'secret'"  # noqa: S105 - a statement
TABLES_HELD = ("spends", "things", "keys")  # whose rows have names that were made with the secret


@dataclass(frozen=True, slots=True)
class Inspection:
    """A database that can be read.

    `revision` is None where nothing is in it yet. `secret_check` is the check value of its secret,
    `holds` whether it has rows that only that secret makes known. `refuses` says why nothing can
    be written to it. `unfinished`: a process ended while it wrote, which is to be undone before
    anything can be read.
    """

    revision: str | None = None
    secret_check: str | None = None
    holds: bool = False
    refuses: str | None = None
    unfinished: bool = False

    @property
    def migrated(self) -> bool:
        """Whether it has the schema of this version."""
        return self.revision == migrating.HEAD
