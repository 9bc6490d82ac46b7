"""Tables of the readers' tests: (name, source, reply, expected).

The source says how sure the provider's side of a row is: page, client, live or guess.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest

from adapters.getatext.endpoint import AnyEndpoint, Fields
from adapters.getatext.reply import Reply, read_answer
from gateway.core.model.errors import GatewayError

Source = Literal["page", "client", "live", "guess"]
Row = tuple[str, Source, Reply, Any]

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2025, 7, 6, 19, 28, 37, tzinfo=UTC)
ENDS = datetime(2025, 7, 6, 19, 43, 37, tzinfo=UTC)


def table(rows: list[Row]) -> pytest.MarkDecorator:
    """One test per row."""
    return pytest.mark.parametrize(
        ("reply", "expected"),
        [row[2:] for row in rows],
        ids=[f"{name} ({source})" for name, source, *_ in rows],
    )


def answer(reply: Reply, call: AnyEndpoint, read: Callable[[Fields], object]) -> object:
    """The value that is read, or the class of the error that is raised."""
    try:
        return read_answer(reply, call, read)
    except GatewayError as error:
        return type(error)
