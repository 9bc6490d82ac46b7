"""The provider's endpoint of a call: address, request body, parser and error messages."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any, Generic, Literal, TypeVar

from adapters.getatext.refusals import Subject
from gateway.core.model.upstream_call import Effect, UpstreamCall

In = TypeVar("In")
Out = TypeVar("Out")
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """What parsers need besides the response: the clock, and the zone of the provider's times."""

    now: Callable[[], datetime]
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[In, Out]):
    """The endpoint of one call, declared in the module of its noun.

    `name` is the label in metrics. `path` may contain `{id}`, which `about` takes from the input.
    `body` returns the JSON to send. `read` parses the fields of a success. `subject` maps the
    provider's error messages. `rows` names the list that may also come without an object around
    it. `premium`: premium accounts have a separate address. `unchanged`: equal responses for the
    same input are parsed once. `spends`: after a lost response money may have moved; `changes`: the
    change may have gone through.
    """

    call: UpstreamCall[In, Out]
    name: str
    path: str
    subject: Subject
    read: Callable[[Fields, In, Terms], Out]
    method: Literal["GET", "POST"] = "POST"
    body: Callable[[In], bytes] | None = None
    about: Callable[[In], int] | None = None
    rows: str | None = None
    premium: bool = False
    unchanged: bool = False
    spends: bool = field(init=False)
    changes: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spends", self.call.effect is Effect.SPEND)
        object.__setattr__(self, "changes", self.call.effect is Effect.CHANGE)

    def for_premium(self) -> "Endpoint[In, Out]":
        """The endpoint with the address for premium accounts (page)."""
        return replace(self, name=f"{self.name}-premium", path=f"{self.path}-premium")


AnyEndpoint = Endpoint[Any, Any]

json_text = json.JSONEncoder(separators=(",", ":")).encode
"""The JSON text of a request body, without spaces."""
