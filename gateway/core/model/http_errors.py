"""What is refused of a request before it is one of an operation: by its method, size or form."""

from collections.abc import Sequence

from gateway.core.model.errors import GatewayError


class MethodNotAllowed(GatewayError):
    """The address does not support the HTTP method."""

    code, title, http_status = "method_not_allowed", "Method not allowed", 405
    happened = "This address does not take that method."
    advice = "See the header Allow."

    def __init__(self, happened: str | None = None, *, allowed: Sequence[str] = ()) -> None:
        """`allowed`: the supported methods, for the header Allow."""
        super().__init__(happened)
        self.allowed = allowed


class RequestTimeout(GatewayError):
    """The body of the request did not arrive in time."""

    code, title, http_status = "request_timeout", "Request time-out", 408
    happened = "The body of the request did not arrive in time."


class PayloadTooLarge(GatewayError):
    """The body of the request is too large."""

    code, title, http_status = "payload_too_large", "Payload too large", 413
    happened = "The body of the request is too large."


class UnsupportedMediaType(GatewayError):
    """The body of the request is not JSON."""

    code, title, http_status = "unsupported_media_type", "Unsupported media type", 415
    happened = "The body of the request must be JSON."
    advice = "Send Content-Type: application/json."
