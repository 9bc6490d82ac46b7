"""Database URLs: which of the two databases, and where."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

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


def place_of(url: str) -> str:
    """Which database a URL names and where it is, without the user and the password."""
    path = sqlite_path(url)
    if path is not None:
        return f"sqlite {path}"
    parts = urlsplit(postgres_dsn(url))
    host = parts.netloc.rpartition("@")[2] or parse_qs(parts.query).get("host", ["localhost"])[0]
    return f"postgresql {host}{parts.path}"


def default_url(data_dir: Path) -> str:
    """The URL of the SQLite file that is used where none is set."""
    return f"{_SQLITE}{data_dir / 'gateway.db'}"
