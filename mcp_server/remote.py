"""A gateway that runs elsewhere, as the one door: every operation is a call of its REST face.

A purchase is sent once. Where its answer is lost, the same request id asks for it again: so a
purchase never goes without one.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from pydantic import BaseModel, ValidationError
from yarl import URL

from gateway.core.invocation.validation import validate
from gateway.core.model.callers import Account, Caller, Limits
from gateway.core.model.errors import Forbidden, GatewayError, OutcomeUnknown
from gateway.core.model.problem import read_problem
from gateway.core.model.provider_errors import UpstreamBadResponse, UpstreamUnavailable
from gateway.core.operations.call import Answer, Call
from gateway.core.operations.operation import Effect, Operation
from gateway.core.operations.rentals import CANCEL_RENTAL

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)
Json = dict[str, Any]

_SECONDS = ClientTimeout(total=90, connect=10)
_MAX_ANSWER = 4 * 1024 * 1024
_REQUEST_ID = "request_id"
_REPLAYED = "Idempotency-Replayed"
_UNREACHABLE = "The gateway cannot be reached."


@asynccontextmanager
async def open_remote(url: str, key: str) -> AsyncIterator["RemoteInvoker"]:
    """The gateway at `url`, called with `key`.

    Redirects are not followed: they would carry the key on. Connections are not kept: one that the
    other side has closed meanwhile would lose a purchase.
    """
    session = ClientSession(
        connector=TCPConnector(force_close=True),
        timeout=_SECONDS,
        cookie_jar=DummyCookieJar(),
        headers={"X-API-Key": key, "Accept-Encoding": "identity"},
    )
    async with session:
        remote = RemoteInvoker(session, url, Caller("remote", Account("remote", key)))
        if await remote.only_reads():
            remote.caller = replace(remote.caller, limits=Limits(read_only=True))
        yield remote


class RemoteInvoker:
    """Runs operations at another gateway, which knows the key and its limits."""

    def __init__(self, session: ClientSession, url: str, caller: Caller) -> None:
        """Take an open session; `caller` is who the calls are made for."""
        self._session = session
        self._url = url.rstrip("/")
        self.caller = caller

    async def only_reads(self) -> bool:
        """Whether the key is one that may only read; False where the gateway does not say so.

        A cancellation that no rental can be meant by tells it: a key's limits come before the
        input, and there is nothing that it could change.
        """
        call = Call(self.caller, secrets.token_hex(8))
        try:
            status, body, _ = await self._exchange(CANCEL_RENTAL, call, {"rental_id": 0})
        except (ClientError, TimeoutError, GatewayError):
            return False
        return status >= 400 and _error(CANCEL_RENTAL, {}, body).code == Forbidden.code

    async def invoke(self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]) -> Out:
        """The value of one operation."""
        return (await self.answer(op, call, given)).value

    async def answer(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]
    ) -> Answer[Out]:
        """Run one operation there. Raises the error that the gateway told."""
        validate(op.takes, given)
        if call.at_most is not None:  # never above what is asked
            given = {**given, "max_price": call.at_most}
        inputs = {name: _plain(value) for name, value in given.items() if value is not None}
        if op.effect is Effect.SPEND and _REQUEST_ID in op.takes.model_fields:
            inputs.setdefault(_REQUEST_ID, f"mcp-{secrets.token_hex(12)}")
        try:
            status, body, replayed = await self._exchange(op, call, inputs)
        except (ClientError, TimeoutError) as error:
            raise _lost(op, inputs, error) from error
        if status >= 400:
            raise _error(op, inputs, body)
        try:
            return Answer(op.gives.model_validate_json(body), replayed=replayed)
        except ValidationError as error:
            raise _unreadable(op, inputs) from error

    async def repeated(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]
    ) -> Answer[Out] | None:
        """Not to be known from here: the gateway there answers a repeated purchase by itself."""
        return None

    async def _exchange(self, op: Operation[In, Out], call: Call, inputs: Json) -> Any:
        path = op.rest.path
        for name in op.rest.path_fields:
            path = path.replace(f"{{{name}}}", quote(str(inputs.pop(name)), safe=""))
        reads = op.rest.method == "GET"
        query = {name: _text(value) for name, value in inputs.items()} if reads else None
        async with self._session.request(
            op.rest.method,
            URL(self._url + path, encoded=True).with_query(query or {}),
            json=None if reads else inputs,
            headers={"X-Request-Id": call.trace_id},
            allow_redirects=False,
        ) as response:
            body = await response.content.read(_MAX_ANSWER)
            while piece := await response.content.read(_MAX_ANSWER):
                body += piece
                if len(body) > _MAX_ANSWER:
                    raise _unreadable(op, inputs)
            return response.status, body, response.headers.get(_REPLAYED) == "true"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lost(op: Operation[In, Out], inputs: Json, error: Exception) -> GatewayError:
    from aiohttp import ClientConnectorError, ConnectionTimeoutError

    if op.effect is not Effect.SPEND or isinstance(
        error, ClientConnectorError | ConnectionTimeoutError
    ):
        return UpstreamUnavailable(_UNREACHABLE)
    return _unknown("The answer of the gateway was lost.", inputs)


def _unreadable(op: Operation[In, Out], inputs: Json) -> GatewayError:
    if op.effect is Effect.SPEND:
        return _unknown("The answer of the gateway could not be read.", inputs)
    return UpstreamBadResponse("The answer of the gateway could not be read.")


def _unknown(happened: str, inputs: Json) -> OutcomeUnknown:
    if (request_id := inputs.get(_REQUEST_ID)) is None:
        return OutcomeUnknown(happened)
    return OutcomeUnknown(
        happened,
        advice=(
            f"Repeat the call with request_id {request_id}: "
            "that answers what became of it and buys nothing twice."
        ),
    )


def _error(op: Operation[In, Out], inputs: Json, body: bytes) -> GatewayError:
    """The error that the gateway answered; one of ours where its body cannot be read."""
    try:
        return read_problem(body)
    except ValueError:
        return _unreadable(op, inputs)
