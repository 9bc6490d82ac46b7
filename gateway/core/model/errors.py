"""The error hierarchy: every error of the gateway, each defined once.

GatewayError
├─ InvalidRequest · Unauthorized · BudgetExceeded · ServiceNotAllowed
├─ Forbidden ── GatewayKeyRequired
├─ NotFound ── ServiceNotFound · RentalNotFound · LongRentalNotFound
├─ Refused: the provider declined, nothing was charged (provider_errors)
│   ├─ OutOfStock · PriceTooHigh · InsufficientFunds · TooManyActiveRentals
│   └─ CancelTooEarly · CodeAlreadyReceived · RentalEnded · UpstreamRefused
├─ OutcomeUnknown · RequestIdReused · RequestInProgress · AlreadyReplaced · DuplicatePurchase
├─ RateLimited · GatewayBusy: too much is held open for this key, this address, or in all
├─ UpstreamFault: the provider did not answer properly (provider_errors)
│   ├─ UpstreamAuthFailed · UpstreamError · UpstreamBadResponse
│   └─ UpstreamMaintenance · UpstreamUnavailable · UpstreamTimeout
├─ LedgerUnavailable: the ledger cannot be read or written
├─ KeyNameTaken · InternalError
└─ MethodNotAllowed · RequestTimeout · PayloadTooLarge · UnsupportedMediaType (http_errors)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.core.model.prices import Candidate, close_to_it
from gateway.core.model.settling import settled_with
from gateway.core.model.values import Charged

_MONEY = {
    Charged.NO: "Nothing was charged.",
    Charged.YES: "It was charged.",
    Charged.UNKNOWN: "It is not known whether money was charged.",
}


@dataclass(frozen=True, slots=True)
class Upstream:
    """The provider's error response: HTTP status and message."""

    status: int
    message: str


class GatewayError(Exception):
    """Base of all errors: says what happened, whether money moved and what to do next.

    `retry_after` is in seconds; `trace_id` and `replayed` are set by the code that handles it.
    """

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    happened: ClassVar[str] = "Something went wrong in the gateway."
    advice: ClassVar[str] = ""
    usual_wait: ClassVar[float | None] = None  # seconds; default of retry_after
    usual_charged: ClassVar[Charged] = Charged.NO

    def __init__(
        self,
        happened: str | None = None,
        *,
        charged: Charged | None = None,
        retry_after: float | None = None,
        upstream: Upstream | None = None,
        advice: str | None = None,
    ) -> None:
        """What is omitted defaults to what the class says."""
        self.charged = self.usual_charged if charged is None else charged
        sentences = (
            happened or self.happened,
            _MONEY[self.charged],
            self.advice if advice is None else advice,
        )
        self.detail = " ".join(filter(None, sentences))
        self.retry_after = self.usual_wait if retry_after is None else retry_after
        self.upstream = upstream
        self.trace_id: str | None = None
        self.replayed = False
        super().__init__(self.detail)


class InvalidRequest(GatewayError):
    """The input is invalid; the sentence names the field."""

    code, title, http_status = "invalid_request", "Invalid request", 400
    happened = "The request is not valid."


class Unauthorized(GatewayError):
    """The key is missing or not accepted."""

    code, title, http_status = "unauthorized", "Unauthorized", 401
    happened, challenge = "The key is not accepted.", ""  # more for WWW-Authenticate
    advice = "Send a valid key in the header X-API-Key."


class Forbidden(GatewayError):
    """The key may not do this."""

    code, title, http_status = "forbidden", "Forbidden", 403
    happened = "This key may not do that."


class GatewayKeyRequired(Forbidden):
    """It is for keys that the gateway made: of a provider's key only a hash is kept."""

    code, title = "gateway_key_required", "Gateway key required"
    happened = "This needs a key that the gateway made; of your own only a hash is kept."
    advice = "Whoever runs the gateway makes one with `getatext-gateway keys create`."


class BudgetExceeded(GatewayError):
    """The purchase would exceed a budget of the key or of the operator."""

    code, title, http_status = "budget_exceeded", "Budget exceeded", 403
    happened = "The purchase would pass a spending limit of this key."


class ServiceNotAllowed(GatewayError):
    """The key, or the operator, does not allow purchases for this service."""

    code, title, http_status = "service_not_allowed", "Service not allowed", 403
    happened = "This key may not rent numbers for that service."


class NotFound(GatewayError):
    """Unknown address or resource."""

    code, title, http_status = "not_found", "Not found", 404
    happened = "There is nothing at this address."
    advice = "See /openapi.json for what there is."


class ServiceNotFound(NotFound):
    """The provider has no such service. `candidates`: those that were perhaps meant."""

    code, title = "service_not_found", "Service not found"
    happened = "There is no such service."
    advice = "Take a service_code from list_prices."
    candidates: tuple[Candidate, ...] = ()

    def suggest(self, candidates: Sequence[Candidate]) -> None:
        """Add the services that were perhaps meant."""
        self.candidates = tuple(candidates)
        if close := close_to_it(candidates):
            self.detail = self.detail.replace(self.advice, f"{close} {self.advice}")


class RentalNotFound(NotFound):
    """No rental with this id is visible to this caller."""

    code, title = "rental_not_found", "Rental not found"
    happened = "There is no such rental for this key."
    advice = "Check the rental_id."


class LongRentalNotFound(NotFound):
    """No long rental with this id is visible to this caller."""

    code, title = "long_rental_not_found", "Long rental not found"
    happened = "There is no such long rental for this key."
    advice = "Take an id from list_long_rentals."


class OutcomeUnknown(GatewayError):
    """A purchase was sent and its response was lost."""

    code, title, http_status = "outcome_unknown", "Outcome unknown", 409
    happened = "The request was sent to the provider and its answer was lost."
    advice = "Do not simply repeat it: check the balance and the rentals first."
    usual_charged = Charged.UNKNOWN

    def __init__(self, happened: str | None = None, **more: Any) -> None:
        super().__init__(happened, **more)
        self.detail = f"{self.detail} {settled_with()}"


class RequestIdReused(GatewayError):
    """The request id was used before with different input."""

    code, title, http_status = "request_id_reused", "Request id reused", 409
    happened = "This request_id was used before with other input."
    advice = "Use a new request_id for a new purchase."


class RequestInProgress(GatewayError):
    """The first request with this request id is still running: it may still be charged."""

    code, title, http_status = "request_in_progress", "Request in progress", 409
    retryable, usual_charged = True, Charged.UNKNOWN
    happened = "The first request with this request_id is still running."
    advice = "Repeat it with the same request_id in some seconds."


class AlreadyReplaced(GatewayError):
    """The rental was replaced before. `replaced_by`: the provider's id of the new one."""

    code, title, http_status = "already_replaced", "Already replaced", 409
    happened = "This rental was replaced before."
    advice = "Use the rental that replaces it; that one can be replaced in its turn."

    def __init__(
        self, happened: str | None = None, *, replaced_by: int | None = None, **more: Any
    ) -> None:
        if replaced_by is not None:
            happened = f"This rental was replaced before, by rental {replaced_by}."
        super().__init__(happened, **more)
        self.replaced_by = replaced_by


class DuplicatePurchase(GatewayError):
    """A purchase over MCP that repeats one of the last minutes, which agents do by mistake.

    `rental_id`: the provider's id of what that one bought, where it is known.
    """

    code, title, http_status = "duplicate_purchase", "Duplicate purchase", 409
    happened = "The same purchase was made minutes ago; this one, a second, was not sent."
    advice = "Only to buy again on purpose, repeat the call with allow_duplicate true."

    def __init__(
        self, happened: str | None = None, *, rental_id: int | None = None, **more: Any
    ) -> None:
        super().__init__(happened, **more)
        self.rental_id = rental_id


class RateLimited(GatewayError):
    """Too many requests, by the gateway's rate limiter or by a 429 of the provider."""

    code, title, http_status, retryable = "rate_limited", "Rate limited", 429, True
    happened = "Too many requests at this moment."
    advice = "Wait as Retry-After says, then try again."


class GatewayBusy(GatewayError):
    """Too much is held open at once: for one key, for one address, or in all."""

    code, title, http_status, retryable = "gateway_busy", "Gateway busy", 503, True
    happened = "The gateway holds as many connections open as it can."
    advice = "End some of them, or try again as Retry-After says."
    usual_wait = 5.0


class KeyNameTaken(GatewayError):
    """A living key has the name that is asked for."""

    code, title, http_status = "name_taken", "Name taken", 409
    happened = "Another key has this name."
    advice = "Choose another, or revoke that key first."


class InternalError(GatewayError):
    """A bug in the gateway; the trace id finds it in the log."""


class LedgerUnavailable(GatewayError):
    """The ledger cannot be read or written now. Every port of the store raises it."""

    code, title, http_status = "ledger_unavailable", "Ledger unavailable", 503
    retryable = True
    happened = "The gateway's ledger is not available."
    advice = "Try again later; if it lasts, tell who runs the gateway."
    usual_wait = 2.0

    @classmethod
    def nothing_sent(cls) -> "LedgerUnavailable":
        """The error of a purchase that could not be written down, and so was not sent."""
        return cls(
            "The gateway's ledger could not be written, so nothing was sent to the provider.",
            advice="Try again later with the same request_id; if it lasts, tell who runs the "
            "gateway.",
        )
