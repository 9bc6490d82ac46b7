"""Errors as problem documents: RFC 9457 with extension fields, serialized and parsed."""

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from gateway.core.model import http_errors  # noqa: F401 - its errors are found by their codes
from gateway.core.model.errors import (
    AlreadyReplaced,
    GatewayError,
    InternalError,
    OutcomeUnknown,
    ServiceNotFound,
    Upstream,
)
from gateway.core.model.prices import Candidate
from gateway.core.model.provider_errors import PriceTooHigh
from gateway.core.model.values import Charged, Frozen, Id, Usd

_MAX_WORDS = 500
_MODEL = __name__.rpartition(".")[0]


class UpstreamWords(Frozen):
    """The provider's error response, as part of a problem document."""

    status: int = Field(description="The provider's HTTP status.")
    message: str = Field(description="The provider's own words, shortened.")


class Problem(Frozen):
    """What happened, whether money moved, and what to do next."""

    type: str = Field(description="A URI that names the kind of problem.")
    title: str = Field(description="The kind of problem, for people.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, whether money moved, what to do next.")
    code: str = Field(description="The stable name of the problem, for programs.")
    retryable: bool = Field(description="Whether the same call may succeed later.")
    charged: Charged = Field(description="Whether money moved.")
    retry_after: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Seconds to wait before the next try; absent where not known."
    )
    price_needed: Usd | None = Field(
        None, description="Of price_too_high: the lowest max_price that would be enough now."
    )
    replaced_by: Id | None = Field(
        None, description="Of already_replaced: the id of the rental that replaces it."
    )
    candidates: tuple[Candidate, ...] | None = Field(
        None, description="Of service_not_found: the services that were perhaps meant."
    )
    trace_id: str = Field(description="Names the request in the log; also in X-Request-Id.")
    upstream: UpstreamWords | None = Field(
        None, description="What the provider said; absent where it said nothing."
    )


def problem(error: GatewayError, trace_id: str) -> Problem:
    """The problem document of an error. `trace_id` is used unless the error has its own."""
    return Problem(
        type=f"urn:getatext-gateway:error:{error.code}",
        title=error.title,
        status=error.http_status,
        detail=error.detail,
        code=error.code,
        retryable=error.retryable,
        charged=error.charged,
        retry_after=None if error.retry_after is None else max(1, math.ceil(error.retry_after)),
        price_needed=error.price_needed if isinstance(error, PriceTooHigh) else None,
        replaced_by=error.replaced_by if isinstance(error, AlreadyReplaced) else None,
        candidates=(error.candidates or None) if isinstance(error, ServiceNotFound) else None,
        trace_id=error.trace_id or trace_id,
        upstream=_upstream_of(error),
    )


def _upstream_of(error: GatewayError) -> UpstreamWords | None:
    if (upstream := error.upstream) is None:
        return None
    return UpstreamWords(status=upstream.status, message=upstream.message[:_MAX_WORDS])


def problem_json(error: GatewayError, trace_id: str) -> bytes:
    """The problem document as JSON; fields that are None are left out."""
    return problem(error, trace_id).model_dump_json(exclude_none=True).encode()


def _by_code(kind: type[GatewayError]) -> dict[str, type[GatewayError]]:
    """The model's error classes by code; of classes that share one, the most derived."""
    found = {kind.code: kind}
    for subclass in kind.__subclasses__():
        if subclass.__module__.startswith(_MODEL):
            found |= _by_code(subclass)
    return found


ERRORS_BY_CODE: Mapping[str, type[GatewayError]] = _by_code(GatewayError)


_SECONDS = TypeAdapter(Annotated[float, Field(ge=0, allow_inf_nan=False)] | None)
_TEXT, _USD, _ID = TypeAdapter(str | None), TypeAdapter(Usd), TypeAdapter(Id | None)


def _read_candidate(row: Mapping[str, Any]) -> Candidate:
    return Candidate.model_validate({name: row.get(name) for name in Candidate.model_fields})


def read_problem(body: bytes) -> GatewayError:
    """The error that a problem document describes; InternalError for an unknown code.

    Raises ValueError where the body is no problem document of this gateway.
    """
    try:
        document = json.loads(body)
        kind = ERRORS_BY_CODE.get(document["code"], InternalError)
        error = kind(charged=Charged(document["charged"]))
        error.detail = str(document["detail"])
        error.retry_after = _SECONDS.validate_python(document.get("retry_after"))
        error.trace_id = _TEXT.validate_python(document.get("trace_id"))
        if isinstance(error, PriceTooHigh) and "price_needed" in document:
            error.price_needed = _USD.validate_python(document["price_needed"])
        if isinstance(error, AlreadyReplaced):
            error.replaced_by = _ID.validate_python(document.get("replaced_by"))
        if isinstance(error, ServiceNotFound) and "candidates" in document:
            error.candidates = tuple(map(_read_candidate, document["candidates"]))
        if fields := document.get("upstream"):
            error.upstream = Upstream(int(fields["status"]), str(fields["message"]))
    except (KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as fault:
        raise ValueError("not a problem document") from fault
    return error


def lost_purchase(
    happened: str, request_id: str | None, max_price: object = None
) -> OutcomeUnknown:
    """The error of a purchase at a gateway elsewhere whose answer was lost on the way.

    `max_price`: one that the caller may not know of, for it was added to what was asked.
    """
    if request_id is None:
        return OutcomeUnknown(happened)
    same_price = "" if max_price is None else f" (max_price {max_price})"
    return OutcomeUnknown(
        happened,
        advice=(
            f"Repeat the call{same_price} with request_id {request_id}: "
            "that answers what became of it and buys nothing twice."
        ),
    )
