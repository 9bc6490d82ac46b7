"""Reading lists: a row that cannot be read does not cost the others."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from gateway.core.model.provider_errors import UpstreamBadResponse

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


class Rows(NamedTuple, Generic[T]):
    """The rows that could be read, in the provider's order, and how many could not."""

    values: list[T]
    skipped: int = 0


def read_rows(raw: object, read: Callable[[Mapping[str, Any]], T | None]) -> Rows[T]:
    """What `read` makes of each row; None from it means that the row cannot be read.

    Raises UpstreamBadResponse for what is no list, and where rows came and none can be read.
    """
    if not isinstance(raw, list):
        raise UpstreamBadResponse("The provider's answer has no list where one belongs.")
    read_ones = (read(row) if isinstance(row, Mapping) else None for row in raw)
    values = [value for value in read_ones if value is not None]
    if raw and not values:
        raise UpstreamBadResponse("No row of the provider's list could be read.")
    return Rows(values, len(raw) - len(values))


def whole(name: str, rows: Rows[T]) -> list[T]:
    """The rows that could be read; how many could not is logged under the call's name."""
    if rows.skipped:
        _LOG.warning("%s: %d rows skipped", name, rows.skipped)
    return rows.values
