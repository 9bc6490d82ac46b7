"""What the provider's side of a call is: its address, its words, its body and its reader."""

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
    """What readers need besides the answer: the time, and the zone of the provider's times."""

    now: Callable[[], datetime]
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[In, Out]):
    """Where one call goes, and what may come of it. Declared once, in the module of its noun.

    `name` is that of metrics. `path` may hold `{id}`, which `about` takes from the input. `body`
    makes the JSON that is sent. `subject` says what the provider's words mean. `rows` names the
    list that may also come bare, without an object around it. `premium`: premium accounts have an
    address of their own for it. `unchanged`: the same bytes about the same input are read once.
    `spends`: a lost answer means that money may have moved.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "spends", self.call.effect is Effect.SPEND)

    def for_premium(self) -> "Endpoint[In, Out]":
        """The same call at the address it has for premium accounts (page)."""
        return replace(self, name=f"{self.name}-premium", path=f"{self.path}-premium")


AnyEndpoint = Endpoint[Any, Any]


json_text = json.JSONEncoder(separators=(",", ":")).encode
"""The JSON of a request's body, without blanks."""
