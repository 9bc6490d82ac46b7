"""Parsing of lists: an unreadable row is skipped."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from gateway.core.model.provider_errors import UpstreamBadResponse

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


class Rows(NamedTuple, Generic[T]):
    """The readable rows in the provider's order, and the number of unreadable ones."""

    values: list[T]
    skipped: int = 0


def read_rows(raw: object, read: Callable[[Mapping[str, Any]], T | None]) -> Rows[T]:
    """Parse each row with `read`, which returns None for an unreadable row.

    Raises UpstreamBadResponse where `raw` is no list, or has rows and none is readable.
    """
    if not isinstance(raw, list):
        raise UpstreamBadResponse("The provider's answer has no list where one belongs.")
    read_ones = (read(row) if isinstance(row, Mapping) else None for row in raw)
    values = [value for value in read_ones if value is not None]
    if raw and not values:
        raise UpstreamBadResponse("No row of the provider's list could be read.")
    return Rows(values, len(raw) - len(values))


def readable(name: str, rows: Rows[T]) -> list[T]:
    """The readable rows; logs the number of skipped ones under the call's name."""
    if rows.skipped:
        _LOG.warning("%s: %d rows skipped", name, rows.skipped)
    return rows.values
