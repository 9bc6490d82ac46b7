"""How settings are shown: no secret, no password of a URL, and nothing that may be one."""

import json
import re
from typing import Any

from pydantic import SecretStr

_HOST = r"(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?"
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?:(?P<user>[^\s/?#@:]*)(?P<password>:[^\s/?#@]*)?@)?"
    rf"(?P<host>{_HOST}(?:,{_HOST})*)"
    r"(?P<path>/[^\s?#@]*)?(?P<more>[?#][^@]*)?",
    re.IGNORECASE,
).fullmatch
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE).match
_WITH_SECRET_PATHS = {"getatext_webhook_forward"}  # addresses that whoever knows may call
HIDDEN = "…"


def masked(name: str, value: Any) -> Any:
    """The value of this setting as JSON has it; None for a secret."""
    if value is None or isinstance(value, SecretStr):
        return None
    if isinstance(value, list):
        return [masked(name, each) for each in value]
    if isinstance(value, bool | int | float | dict):
        return value
    text = str(value)
    if "://" in text or name.endswith("_url"):
        return masked_url(text, path=name not in _WITH_SECRET_PATHS)
    return text


def masked_url(url: str, *, path: bool = True) -> str:
    """The URL without its password, its query, and the login of another than a database.

    Of one that is malformed only the scheme is left: what is what in it is not known.
    """
    if url.lower().startswith("sqlite:///"):
        return url
    found = _URL(url)
    if found is None:
        scheme = _SCHEME(url)
        return (scheme[0] if scheme else "") + HIDDEN
    login = ""
    if found["user"] is not None:
        database = found["scheme"].lower().startswith("postgres")
        login = (
            f"{found['user'] if database else HIDDEN}{':' + HIDDEN if found['password'] else ''}@"
        )
    place = found["path"] or ""
    if not path and place not in ("", "/"):
        place = f"/{HIDDEN}"
    query = f"?{HIDDEN}" if found["more"] else ""
    return f"{found['scheme']}://{login}{found['host']}{place}{query}"


def in_words(name: str, value: Any) -> str:
    """The value of this setting as one would type it, for a person to read."""
    if isinstance(value, SecretStr):
        return "set, not shown"
    plain = masked(name, value)
    if plain is None:
        return "not set"
    if isinstance(plain, str):
        return plain
    return f"{plain:g}" if isinstance(plain, float) else json.dumps(plain, ensure_ascii=False)
