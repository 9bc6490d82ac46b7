"""Reads what a gateway elsewhere replied, or what it means that it did not.

A purchase whose answer is lost, or is not the gateway's own, has an unknown outcome.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientSSLError,
)
from pydantic import BaseModel, ValidationError

from gateway.core.model.errors import GatewayError
from gateway.core.model.problem import lost_purchase, read_problem
from gateway.core.model.provider_errors import (
    UpstreamBadResponse,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.call import Answer
from gateway.core.operations.operation import AnyOperation, Operation

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

_PROBLEM = "application/problem+json"
_CHECK_ADDRESS = "Check the address in --gateway or GATEWAY_URL."
_CHANGED = "What was asked may be done; repeating the call does no harm."


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to one request; `body` is None where it was too large to be read."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def content_type(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def replayed(self) -> bool:
        """Whether it is the answer to an earlier request with the same request id."""
        return self.headers.get("Idempotency-Replayed") == "true"


def read(op: Operation[In, Out], asked: In, reply: Reply) -> Answer[Out]:
    """The answer in a reply. Raises the error that it tells.

    Fields that only a newer gateway has are left out.
    """
    if reply.status >= 400:
        raise _error(op, asked, reply)
    if reply.body is not None and reply.status < 300:
        try:
            value = op.gives.model_validate_json(reply.body, extra="ignore")
        except ValidationError:
            pass
        else:
            return Answer(value, replayed=reply.replayed)
    raise _unreadable(op, asked, reply)


def unreachable(origin: str, fault: Exception) -> GatewayError:
    """The error of a request that was surely not sent."""
    return UpstreamUnavailable(
        f"The gateway at {origin} cannot be reached ({_reason(fault)}), so nothing was sent.",
        advice=_CHECK_ADDRESS,
    )


def lost(op: AnyOperation, asked: BaseModel, fault: Exception) -> GatewayError:
    """The error of a request that was sent, or may have been, and got no reply."""
    in_time = not isinstance(fault, TimeoutError)
    happened = (
        "The answer of the gateway was lost." if in_time else "The gateway did not answer in time."
    )
    if op.effect is Effect.SPEND:
        return _lost_purchase(happened, asked)
    kind = UpstreamUnavailable if in_time else UpstreamTimeout
    return kind(happened, advice=None if op.effect is Effect.READ else _CHANGED)


def _error(op: AnyOperation, asked: BaseModel, reply: Reply) -> GatewayError:
    """The problem that the gateway told; what a proxy said in its place tells nothing."""
    if reply.content_type == _PROBLEM and reply.body is not None:
        try:
            error = read_problem(reply.body)
        except ValueError:
            return _unreadable(op, asked, reply)
        error.replayed = reply.replayed
        return error
    return _unreadable(op, asked, reply)


def _unreadable(op: AnyOperation, asked: BaseModel, reply: Reply) -> GatewayError:
    happened = f"The answer of the gateway (HTTP {reply.status}) could not be read."
    if to := reply.headers.get("Location"):
        happened = f"The gateway's address leads to {to[:200]}, which is not followed."
    if op.effect is Effect.SPEND:
        return _lost_purchase(happened, asked)
    reads = op.effect is Effect.READ
    return UpstreamBadResponse(happened, advice=_CHECK_ADDRESS if reads else _CHANGED)


def _reason(fault: Exception) -> str:
    if isinstance(fault, ClientConnectorDNSError):
        return "its name is not known"
    if isinstance(fault, ClientConnectorCertificateError):
        return "its certificate is not accepted"
    if isinstance(fault, ClientSSLError):
        return "it does not speak TLS"
    if not isinstance(fault, ClientConnectorError):
        return "no connection in time"
    number = fault.os_error.errno
    return os.strerror(number).lower() if number else "the connection broke"


def _lost_purchase(happened: str, asked: BaseModel) -> GatewayError:
    request_id, max_price = (getattr(asked, name, None) for name in ("request_id", "max_price"))
    return lost_purchase(happened, request_id, max_price)
