"""Database URLs: which of the two databases, and where."""

from pathlib import Path

from adapters.store.errors import BadUrl

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql+asyncpg://", "postgresql://", "postgres://")


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for another kind of URL."""
    if not url.startswith("sqlite:"):
        return None
    path = url.removeprefix(_SQLITE)
    if path == url or path in ("", ":memory:"):
        raise BadUrl("A SQLite URL is sqlite:///FILE, with four slashes for an absolute path.")
    return Path(path).expanduser().absolute()


def postgres_dsn(url: str) -> str:
    """A PostgreSQL URL as its driver takes it."""
    for prefix in _POSTGRES:
        if url.startswith(prefix):
            return "postgresql://" + url.removeprefix(prefix)
    # Not the URL itself: it may hold a password.
    raise BadUrl("The database URL must begin with sqlite:/// or postgresql://.")


def default_url(data_dir: Path) -> str:
    """The URL of the SQLite file that is used where none is set."""
    return f"{_SQLITE}{data_dir / 'gateway.db'}"
