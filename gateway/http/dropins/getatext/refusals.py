"""Errors in the provider's shape, with the words that its existing clients search for."""

import math
from dataclasses import dataclass

from aiohttp import web
from pydantic_core import to_json

from gateway.core.model import errors, http_errors, provider_errors
from gateway.core.model.errors import GatewayError, Unauthorized
from gateway.core.model.settling import settled_with
from gateway.core.model.values import money_text

JSON = "application/json"


class KeyMissing(Unauthorized):
    """The request carries no key, which the provider words differently from a wrong one."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status and a text. The provider's own text replaces it where it holds all of `needs`."""

    status: int
    text: str
    needs: tuple[str, ...] = ()


_UNAUTHORIZED = Refusal(403, "Wrong Api Key or User is restricted")
_REFUSALS: dict[type[BaseException], Refusal] = {
    KeyMissing: Refusal(403, "Auth is not presented on the request"),
    errors.Unauthorized: _UNAUTHORIZED,
    errors.BudgetExceeded: Refusal(400, "Insufficient funds: the spending limit of this key"),
    errors.ServiceNotFound: Refusal(404, "Service not found", ("not found",)),
    errors.ServiceNotAllowed: Refusal(404, "Service not found: this key may not rent it"),
    errors.RentalNotFound: Refusal(404, "Rental not found"),
    errors.LongRentalNotFound: Refusal(404, "Long rental not found"),
    errors.NotFound: Refusal(404, "Not found"),
    errors.OutcomeUnknown: Refusal(
        409,
        "The outcome of this purchase is unknown, it may have been charged: do not repeat it. "
        + settled_with(),
    ),
    provider_errors.OutOfStock: Refusal(400, "Service is out of stock", ("out of stock",)),
    provider_errors.PriceTooHigh: Refusal(
        400, "Price is above your maximum price", ("maximum", "price")
    ),
    provider_errors.InsufficientFunds: Refusal(
        400, "You have insufficient funds", ("insufficient funds",)
    ),
    provider_errors.TooManyActiveRentals: Refusal(
        400,
        "You have reached the maximum number of active rentals",
        ("maximum number of active rentals",),
    ),
    provider_errors.CancelTooEarly: Refusal(
        400, "You need to wait some minutes before cancelling", ("wait", "minutes")
    ),
    provider_errors.CodeAlreadyReceived: Refusal(400, "Rental already has a code"),
    provider_errors.RentalEnded: Refusal(400, "Rental is not active"),
    provider_errors.UpstreamRefused: Refusal(400, "The provider refused", ("",)),
    provider_errors.UpstreamMaintenance: Refusal(503, "Service is under maintenance"),
    errors.RateLimited: Refusal(429, "Too many requests"),
    errors.InternalError: Refusal(500, "Internal error"),
}


def status_and_text(error: GatewayError) -> tuple[int, str]:
    """The HTTP status and the text of an error."""
    kinds = (_REFUSALS.get(kind) for kind in type(error).__mro__)
    refusal = next((found for found in kinds if found), None)
    if refusal is None:
        return error.http_status, error.detail
    said = error.upstream.message if error.upstream else ""
    lowered = said.lower()
    fits = refusal.needs and said and all(need in lowered for need in refusal.needs)
    text = said if fits else refusal.text
    if isinstance(error, provider_errors.PriceTooHigh) and error.upstream and error.price_needed:
        text = f"{text} ({money_text(error.price_needed)} is needed now)"
    return refusal.status, text


def render(error: GatewayError, keys: tuple[str, ...] = ()) -> web.Response:
    """The error response of a call; `keys` are those of its success, here all null."""
    status, text = status_and_text(error)
    response = refuse(status, text, keys)
    headers = response.headers
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, http_errors.MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    return response


def refuse(status: int, text: str, keys: tuple[str, ...] = ()) -> web.Response:
    """An error response with this text; each of `keys` is null."""
    body = to_json({**dict.fromkeys(keys), "errors": text})
    headers = {"Content-Type": JSON, "Cache-Control": "no-store"}
    return web.Response(status=status, body=body, headers=headers)
