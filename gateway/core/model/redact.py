"""Redaction of text sent by callers: it is echoed only where it cannot contain a key."""

import re
from collections.abc import Callable

from gateway.core.model.callers import GATEWAY_KEY_PREFIX

REDACTED = "(a name that is not repeated here)"
# The form of field names. Keys do not match: they have digits, or many letters in a row.
_PLAIN = re.compile(r"[A-Za-z]{1,15}(?:[_-][A-Za-z]{1,15}){0,3}[0-9]{0,2}").fullmatch
_PLAIN_PART = re.compile(r"[A-Za-z]{1,15}(?:[._-][A-Za-z]{1,15}){0,3}[0-9]{0,2}").fullmatch
_MOST_PARTS = 8
_PLAIN_URI = re.compile(r"[a-z]{1,15}://(?:[a-z]{1,15}|[0-9]{1,19})").fullmatch
_SHORTEST_KEY = 8  # a shorter one, as in a demonstration, may occur in ordinary words
_OURS = re.compile(rf"{GATEWAY_KEY_PREFIX}[A-Za-z0-9_-]{{20}}")
_KEY = re.compile(r"(?:sk|gtw)[_-]", re.IGNORECASE)


def redacted(name: str) -> str:
    """The name, or a placeholder where it may be a key sent by mistake."""
    return name if _PLAIN(name) and not may_hold_key(name) else REDACTED


def redacted_path(path: str, is_secret: Callable[[str], bool]) -> str:
    """The path as it was asked for, with a star for each part that may be a key or an id."""
    parts = path.split("/")[: _MOST_PARTS + 1]
    plain = (
        part if not part or (_PLAIN_PART(part) and not may_hold_key(part)) else "*"
        for part in ("*" if part and is_secret(part) else part for part in parts)
    )
    return "/".join(plain)


def redacted_uri(uri: str) -> str | None:
    """The URI where it has the form word://word or word://number, as ours have; else None."""
    return uri if _PLAIN_URI(uri) and not may_hold_key(uri) else None


def holds_key(text: str, key: str) -> bool:
    """Whether the text contains the caller's own key or any gateway key."""
    own = len(key) >= _SHORTEST_KEY and key in text
    return own or _OURS.search(text) is not None


def may_hold_key(text: str) -> bool:
    """Whether the text contains the prefix of a gateway key or a provider key."""
    return _KEY.search(text) is not None
