"""What a purchase on the provider's own faces may carry: what its call takes, and no other wish."""

from collections.abc import Collection, Mapping, Set
from typing import Any

from gateway.core.model.errors import InvalidRequest
from gateway.core.model.redact import redacted

_HARMLESS = frozenset({"api_key", "auth", "Auth", "json", "lang", "_", "t", "ts", "rand"})


def expect_no_other_wish(
    fields: Mapping[str, Any],
    query: Mapping[str, str],
    takes: Collection[str],
    harmless: Set[str],
) -> None:
    """Raises for a field that the call does not take, or that stands in a query nobody reads.

    One without a value is no wish. No word of what its clients look for may stand in the text.
    """
    meant = {name: value for name, value in fields.items() if not _is_empty(value)}
    known = {*takes, *_HARMLESS, *harmless}
    unknown = next((name for name in (*meant, *query) if name not in known), None)
    if unknown is not None:
        raise InvalidRequest(f"{redacted(unknown)}: this call does not take it; leave it out.")
    for name in takes:
        if name in query and str(meant.get(name)) != query[name]:
            raise InvalidRequest(f"{name}: belongs in the body of this call.")


def _is_empty(value: object) -> bool:
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())
