"""Redaction of keys and other secrets in log records."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
_SHORT = 64
_SHORTEST_LITERAL = 4  # a shorter one would occur in ordinary words

# The separators of name and value in URLs, headers, JSON, and Python's repr of them.
_BETWEEN = r"""(?:\\?["']?\s*(?:=|:|%3D|%3A)\s*(?:b?\\?["'])?|\\?["']\s*,\s*b?\\?["'])"""
_VALUE = r"""[^\s"'&<>,;\\)}\]]+"""
_SPACE = r"(?:\s|\+|%20)+"
_SCHEME = rf"(?:(?:bearer|basic|token){_SPACE})?"
_SHAPES = re.compile(
    rf"""
      (?P<named>api[_-]?key{_BETWEEN}){_VALUE}
    | (?P<auth>auth(?:orization)?{_BETWEEN}{_SCHEME}){_VALUE}
    | (?P<bearer>\bbearer{_SPACE}){_VALUE}
    | (?P<hook>/webhooks/getatext/)[^\s/?#"'&<>\\]+
    | (?P<login>://[^\s/:@"']*:)[^\s/@"']+(?=@)
    | (?<![A-Za-z0-9])(?:sk|gtw)[_-][A-Za-z0-9_-]{{3,}}
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Every text that a shape matches contains one of these, and this search is far cheaper.
_HINT = re.compile(r"auth|key|bearer|sk_|sk-|gtw|webhooks|://")
_SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:key|auth|authorization|secret|token|password)$|api_?key", re.IGNORECASE
)


class Redactor:
    """Redacts texts that have the shape of keys, and given secrets."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets` are redacted wherever they occur, also encoded for a URL or JSON."""
        known = {form for secret in secrets for form in _forms(secret)}
        ordered = sorted(known, key=len, reverse=True)
        self._literals = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        # The field names of a log are few and repeat, and so do most of its short texts.
        self._name = lru_cache(256)(self._named)
        self._short = lru_cache(4096)(self.text)

    def text(self, text: str) -> str:
        """The text with secrets redacted."""
        if self._literals is not None:
            text = self._literals.sub(REDACTED, text)
        if _HINT.search(text.lower()) is None:
            return text
        return _SHAPES.sub(_keep_name, text)

    def value(self, value: object) -> object:
        """The value with secrets redacted at any depth; non-plain data becomes text."""
        if isinstance(value, str):
            return self._short(value) if len(value) <= _SHORT else self.text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, bytes | bytearray):
            return self.text(value.decode("ascii", "backslashreplace"))
        if isinstance(value, Mapping):
            return self.fields(value)
        if isinstance(value, list | tuple | set | frozenset):
            clean = [self.value(one) for one in value]
            pair = len(clean) == 2 and isinstance(clean[0], str) and _is_secret(clean[0])
            return [clean[0], REDACTED] if pair else clean
        return self.text(str(value))

    def fields(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Fields with secrets redacted: by value, and entirely where the name implies a secret."""
        clean: dict[str, object] = {}
        for name, value in fields.items():
            plain, secret = self._name(str(name))
            if secret and value is not None:
                clean[plain] = REDACTED
            elif type(value) is int or type(value) is float:
                clean[plain] = value
            else:
                clean[plain] = self.value(value)
        return clean

    def _named(self, name: str) -> tuple[str, bool]:
        """The name of a field redacted, and whether it implies that its value is a secret."""
        plain = self.text(name)
        return plain, _is_secret(plain)


@lru_cache(256)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _keep_name(found: re.Match[str]) -> str:
    name = found[found.lastgroup] if found.lastgroup else ""
    return name + REDACTED


def _forms(secret: str) -> set[str]:
    if len(secret) < _SHORTEST_LITERAL:
        return set()
    as_json = json.dumps(secret)[1:-1]
    in_url = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    return {secret, as_json, repr(secret)[1:-1], *in_url}
