"""Database URLs: which of the two databases, and where; what is wrong with them, in words."""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

from adapters.store.errors import BadUrl

_SQLITE = "sqlite:///"
_POSTGRES = re.compile(r"postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
_USER_HOSTS = re.compile(r"(?:[^@]*@)?(?:(?:\[[^][]+\]|[^][:,@]*)(?::\d{0,5})?(?:,|$))*")
_PORT = re.compile(r":(\d+)(?:,|$)")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_SHAPE = (
    "GATEWAY_DATABASE_URL is not of the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE: a port "
    "is a number up to 65535, and what is special in a password is written as %40 for @, %2F for /."
)
_VALUES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": (
        "any", "primary", "standby", "read-write", "read-only", "prefer-standby",
    ),
}  # fmt: skip
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
# What other programs read in such a URL and the driver would take for a setting of the server.
_OF_OTHERS = {
    "channel_binding", "client_encoding", "connect_timeout", "connection_limit",
    "fallback_application_name", "gssdelegation", "gssencmode", "hostaddr", "keepalives",
    "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts",
    "max_protocol_version", "min_protocol_version", "pgbouncer", "pool_timeout", "replication",
    "require_auth", "requirepeer", "schema", "socket_timeout", "ssl", "sslaccept", "sslcertmode",
    "sslcompression", "sslsni", "statement_cache_size", "tcp_user_timeout",
}  # fmt: skip
_INSTEAD = {
    "hostaddr": "write the address as the host",
    "schema": "write search_path=NAME",
    "ssl": "write sslmode=require",
    "sslaccept": "write sslmode=require",
}


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for another kind of URL."""
    if _UNPRINTABLE.search(url):
        raise BadUrl("GATEWAY_DATABASE_URL holds a line break or another control character.")
    if not url.lower().startswith("sqlite:"):
        return None
    path = url[len(_SQLITE) :]
    if not url.lower().startswith(_SQLITE) or path in ("", ":memory:"):
        raise BadUrl(
            "GATEWAY_DATABASE_URL names no file: it is sqlite:///FILE, with four slashes for an "
            "absolute path."
        )
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise BadUrl(
            "GATEWAY_DATABASE_URL: there is no home directory for the ~; write the whole path."
        ) from None


def postgres_dsn(url: str) -> str:
    """A PostgreSQL URL as its driver takes it. Raises BadUrl where that cannot be used."""
    match = _POSTGRES.match(url)
    if match is None:
        # Not the URL itself: it may hold a password.
        raise BadUrl("GATEWAY_DATABASE_URL must begin with sqlite:/// or postgresql://.")
    dsn = "postgresql://" + url[match.end() :]
    try:
        parts = urlsplit(dsn)
    except ValueError:
        raise BadUrl(_SHAPE) from None
    if " " in dsn or parts.fragment or "@" in parts.path or not _USER_HOSTS.fullmatch(parts.netloc):
        raise BadUrl(_SHAPE)
    _check_ports(_PORT.findall(parts.netloc.rpartition("@")[2]))
    if parts.query:
        _check_parameters(parts.query)
    return dsn


def _check_ports(ports: Iterable[str]) -> None:
    if not all(port.isdecimal() and 0 < int(port) <= 65_535 for port in ports):
        raise BadUrl(_SHAPE)


def _check_parameters(query: str) -> None:
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise BadUrl(
            "GATEWAY_DATABASE_URL: after its ? stand parameters as NAME=VALUE, with & between; a ? "
            "in the password is written as %3F."
        ) from None
    for name in given.keys() & _OF_OTHERS:
        instead = _INSTEAD.get(name, "leave it out")
        raise BadUrl(f"GATEWAY_DATABASE_URL: {name} is no parameter here; {instead}.")
    for name, values in _VALUES.items():
        if given.get(name, values[0]) not in values:
            raise BadUrl(f"GATEWAY_DATABASE_URL: {name} is one of {', '.join(values)}.")
    for name in _FILES:
        if name in given and not Path(given[name]).is_file():
            raise BadUrl(f"GATEWAY_DATABASE_URL: {name} is no file that can be read.")
    _check_ports(filter(None, given.get("port", "").split(",")))


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
