"""The declaration of an operation, from which every face is generated."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from gateway.core.model.errors import (
    BudgetExceeded,
    Forbidden,
    GatewayBusy,
    GatewayError,
    InternalError,
    InvalidRequest,
    LedgerUnavailable,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    RequestIdReused,
    RequestInProgress,
    ServiceNotAllowed,
    ServiceNotFound,
    Unauthorized,
)
from gateway.core.model.http_errors import PayloadTooLarge, RequestTimeout, UnsupportedMediaType
from gateway.core.model.provider_errors import (
    PriceTooHigh,
    TooManyActiveRentals,
    UpstreamAuthFailed,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamMaintenance,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.core.model.quote import Quote
from gateway.core.model.upstream_call import AnyCall, Effect
from gateway.core.model.values import Kind
from gateway.core.operations.context import Context

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

Errors = tuple[type[GatewayError], ...]
Toolset = Literal["rentals", "long_rentals", "account", "events", "webhooks", "keys"]
Quoter = Callable[[Context, Any, Any], Awaitable[Quote]]
"""Quotes a purchase from context, input, and the rental that is rented again or renewed."""
Resolver = Callable[[Context, Any, Any], Awaitable[BaseModel]]
"""Makes the purchase that an input means, by its rental or the prices. Takes what Quoter takes."""


async def _unknown_quote(context: Context, asked: Any, subject: Any) -> Quote:
    return Quote(None)


@dataclass(frozen=True)
class Rest:
    """The REST address of an operation: method, path and success status.

    `location`: the URL of what it made, with `{value}`'s fields in it; `absolute`: with the
    gateway's own address before it.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    success: Literal[200, 201] = 200
    location: str | None = None
    absolute: bool = False

    @cached_property
    def path_fields(self) -> tuple[str, ...]:
        """The names of the inputs in the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


@dataclass(frozen=True)
class Operation(Generic[In, Out]):
    """One operation that callers can invoke.

    `summary` (80 characters, no final dot) and `description` (300) go into OpenAPI and the tools
    of AI agents. `errors` are its own, besides those of `errors_besides`. `subject` names the input
    with the id of the rental it acts on, `waits` the one with the seconds it may wait. `calls` are
    the calls to the provider it may make. `resolve` refuses a purchase, or returns what `run` and
    `quote` take in place of the input: by its rental, or else by the service that it names.
    `once`: what it buys for a rental is bought once, and any repetition is refused. `pays_later`
    tells whether a change lets the provider charge later: such a one is allowed or refused as a
    purchase. `tool` tells whether it is a tool of AI agents, besides standing in REST and the
    command line. `at_once` gives of a read what needs no wait, or None.
    """

    name: str
    summary: str
    description: str
    takes: type[In]
    gives: type[Out]
    effect: Effect
    rest: Rest
    run: Callable[[Context, In], Awaitable[Out]]
    toolset: Toolset = "rentals"
    errors: Errors = ()
    subject: Literal["rental_id", "long_rental_id"] | None = None
    waits: Literal["wait_seconds"] | None = None
    quote: Quoter = _unknown_quote
    calls: tuple[AnyCall, ...] = ()
    resolve: Resolver | None = None
    once: bool = False
    pays_later: Callable[[In], bool] | None = None
    tool: bool = True
    at_once: Callable[[Context, In], Out | None] | None = None

    @cached_property
    def kind(self) -> Kind:
        """Whether it is about rentals or long rentals."""
        return "long_rental" if self.toolset == "long_rentals" else "rental"

    @property
    def errors_besides(self) -> Errors:
        """The errors besides `errors` that follow from its effect and its REST address."""
        errors = _ANY_CALL + ((GatewayBusy,) if self.waits else ())
        errors += _ANY_SPEND if self.effect is Effect.SPEND else (UpstreamTimeout,)
        if self.rest.path_fields:
            errors += (NotFound,)
        if self.effect is not Effect.READ:
            errors += (Forbidden,)
        return errors + _ANY_BODY if self.rest.method == "POST" else errors


AnyOperation = Operation[Any, Any]

_ANY_CALL: Errors = (
    InvalidRequest,
    Unauthorized,
    UpstreamRefused,
    RateLimited,
    InternalError,
    LedgerUnavailable,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamBadResponse,
    UpstreamMaintenance,
    UpstreamUnavailable,
)
_ANY_BODY: Errors = (RequestTimeout, PayloadTooLarge, UnsupportedMediaType)
_ANY_SPEND: Errors = (
    BudgetExceeded,
    ServiceNotAllowed,
    OutcomeUnknown,
    RequestIdReused,
    RequestInProgress,
    TooManyActiveRentals,
    PriceTooHigh,
    ServiceNotFound,
)
