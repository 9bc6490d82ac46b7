"""Errors in the provider's shape and words: what its existing clients look for in them."""

import math
from dataclasses import dataclass

from aiohttp import web
from pydantic_core import to_json

from gateway.core.model import errors, provider_errors
from gateway.core.model.errors import GatewayError, Unauthorized

JSON = "application/json"


class KeyMissing(Unauthorized):
    """No key was sent at all."""


@dataclass(frozen=True, slots=True)
class Words:
    """A status and a text. The provider's own text stands where it holds all of `needs`."""

    status: int
    text: str
    needs: tuple[str, ...] = ()


_UNAUTHORIZED = Words(403, "Wrong Api Key or User is restricted")
_WORDS: dict[type[BaseException], Words] = {
    KeyMissing: Words(403, "Auth is not presented on the request"),
    errors.Unauthorized: _UNAUTHORIZED,
    errors.BudgetExceeded: Words(400, "Insufficient funds: the spending limit of this key"),
    errors.ServiceNotFound: Words(404, "Service not found", ("not found",)),
    errors.ServiceNotAllowed: Words(404, "Service not found: this key may not rent it"),
    errors.RentalNotFound: Words(404, "Rental not found"),
    errors.LongRentalNotFound: Words(404, "Long rental not found"),
    errors.NotFound: Words(404, "Not found"),
    errors.OutcomeUnknown: Words(
        409, "The outcome of this purchase is unknown, it may have been charged: do not repeat it"
    ),
    provider_errors.OutOfStock: Words(400, "Service is out of stock", ("out of stock",)),
    provider_errors.PriceTooHigh: Words(
        400, "Price is above your maximum price", ("maximum", "price")
    ),
    provider_errors.InsufficientFunds: Words(
        400, "You have insufficient funds", ("insufficient funds",)
    ),
    provider_errors.TooManyActiveRentals: Words(
        400,
        "You have reached the maximum number of active rentals",
        ("maximum number of active rentals",),
    ),
    provider_errors.CancelTooEarly: Words(
        400, "You need to wait some minutes before cancelling", ("wait", "minutes")
    ),
    provider_errors.CodeAlreadyReceived: Words(400, "Rental already has a code"),
    provider_errors.RentalEnded: Words(400, "Rental is not active"),
    provider_errors.UpstreamRefused: Words(400, "The provider refused", ("",)),
    provider_errors.UpstreamMaintenance: Words(503, "Service is under maintenance"),
    errors.RateLimited: Words(429, "Too many requests"),
    errors.InternalError: Words(500, "Internal error"),
}


def words_of(error: GatewayError) -> tuple[int, str]:
    """The HTTP status and the text of an error."""
    kinds = (_WORDS.get(kind) for kind in type(error).__mro__)
    words = next((found for found in kinds if found), None)
    if words is None:
        return error.http_status, error.detail
    said = error.upstream.message if error.upstream else ""
    heard = said.lower()
    if words.needs and said and all(need in heard for need in words.needs):
        return words.status, said
    return words.status, words.text


def render(error: GatewayError, keys: tuple[str, ...] = ()) -> web.Response:
    """The refusal of a call that would have answered `keys`: they are there, and null."""
    status, text = words_of(error)
    response = refuse(status, text, keys)
    headers = response.headers
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, errors.MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    return response


def refuse(status: int, text: str, keys: tuple[str, ...] = ()) -> web.Response:
    """A refusal in these words."""
    body = to_json({**dict.fromkeys(keys), "errors": text})
    headers = {"Content-Type": JSON, "Cache-Control": "no-store"}
    return web.Response(status=status, body=body, headers=headers)
