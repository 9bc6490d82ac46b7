"""Errors as application/problem+json responses, with their headers."""

import math

from aiohttp import web

from gateway.core.model.errors import (
    GatewayError,
    InternalError,
    InvalidRequest,
    NotFound,
    Unauthorized,
)
from gateway.core.model.http_errors import MethodNotAllowed, PayloadTooLarge
from gateway.core.model.problem import problem_json

PROBLEM_JSON = "application/problem+json"


def render(error: GatewayError, trace_id: str) -> web.Response:
    """The response with an error's problem document."""
    headers = {"Content-Type": PROBLEM_JSON, "Cache-Control": "no-store"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if error.replayed:
        headers["Idempotency-Replayed"] = "true"
    if error.http_status == 401:
        more = error.challenge if isinstance(error, Unauthorized) else ""
        headers["WWW-Authenticate"] = f'Bearer realm="getatext-gateway"{more}'
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    body = problem_json(error, trace_id)
    return web.Response(status=error.http_status, body=body, headers=headers)


def from_http(error: web.HTTPException) -> GatewayError:
    """The error of ours that stands for one of aiohttp's own."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(allowed=sorted(error.allowed_methods))
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return PayloadTooLarge()
    if error.status == 404:
        return NotFound()
    if 400 <= error.status < 500:
        return InvalidRequest("The request could not be read as HTTP.")
    return InternalError()
