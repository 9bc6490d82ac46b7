"""Text that a caller sent, repeated only where it can hold no secret."""

import re

from gateway.core.model.callers import GATEWAY_KEY_PREFIX

REDACTED = "(a name that is not repeated here)"
# What a field of somebody's API is called; no key is: they have digits, or many letters.
_PLAIN = re.compile(r"[A-Za-z]{1,15}(?:[_-][A-Za-z]{1,15}){0,3}[0-9]{0,2}").fullmatch
_PLAIN_URI = re.compile(r"[a-z]{1,15}://(?:[a-z]{1,15}|[0-9]{1,19})").fullmatch
_SHORTEST_KEY = 8  # a shorter one, as in a demonstration, is found in ordinary words
_OURS = re.compile(rf"{GATEWAY_KEY_PREFIX}[A-Za-z0-9_-]{{20}}")
_KEY = re.compile(r"(?:sk|gtw)[_-]", re.IGNORECASE)


def redacted(name: str) -> str:
    """The name; or a placeholder where somebody may have put a key there by mistake."""
    return name if _PLAIN(name) and not may_hold_key(name) else REDACTED


def redacted_uri(uri: str) -> str | None:
    """The URI, where it is two words, or a word and a number, as ours are; else None."""
    return uri if _PLAIN_URI(uri) and not may_hold_key(uri) else None


def holds_key(text: str, key: str) -> bool:
    """Whether the caller's own key, or any key of ours, stands in the text."""
    own = len(key) >= _SHORTEST_KEY and key in text
    return own or _OURS.search(text) is not None


def may_hold_key(text: str) -> bool:
    """Whether anything in the text begins like a key of ours or of the provider's."""
    return _KEY.search(text) is not None
