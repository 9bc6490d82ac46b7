"""Refuses parameters that a purchase on the provider's own faces does not take."""

from collections.abc import Callable, Collection, Mapping, Set
from typing import Any

from gateway.core.model.errors import InvalidRequest
from gateway.core.model.redact import redacted

_HARMLESS = frozenset({"api_key", "auth", "Auth", "json", "lang", "_", "t", "ts", "rand"})


def expect_known_parameters(
    fields: Mapping[str, Any],
    query: Mapping[str, str],
    takes: Collection[str],
    harmless: Set[str],
    unknown_is_refused: Callable[[str], None],
) -> None:
    """Raises InvalidRequest for a field the call does not take, or one it does not read.

    `unknown_is_refused` is told the first one it does not take.
    Calls with a body read only that: a field in the query must have the same value in the body.
    Empty fields are ignored.
    The text must hold none of the words that clients search for in the provider's errors.
    """
    filled = {name: value for name, value in fields.items() if not _is_empty(value)}
    known = {*takes, *_HARMLESS, *harmless}
    unknown = next((name for name in (*filled, *query) if name not in known), None)
    if unknown is not None:
        unknown_is_refused(unknown)
        raise InvalidRequest(f"{redacted(unknown)}: this call does not take it; leave it out.")
    for name in takes:
        if name in query and str(filled.get(name)) != query[name]:
            raise InvalidRequest(f"{name}: belongs in the body of this call.")


def _is_empty(value: object) -> bool:
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())
