"""Runs operations at a gateway elsewhere, by its REST API.

A purchase is sent once, and always with a request id (idempotency key): where its answer is lost,
repeating the call with that id gives the answer and buys nothing twice.
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
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.call import Answer, Call
from gateway.core.operations.operation import Operation
from gateway.core.operations.rentals import CANCEL_RENTAL

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)
Json = dict[str, Any]

_TIMEOUT = ClientTimeout(total=90, connect=10)
_MAX_ANSWER = 4 * 1024 * 1024
_REQUEST_ID = "request_id"
_REPLAYED = "Idempotency-Replayed"
_UNREACHABLE = "The gateway cannot be reached."


@asynccontextmanager
async def open_remote(url: str, key: str) -> AsyncIterator["RemoteInvoker"]:
    """The gateway at `url`, called with `key`.

    Redirects are not followed: they would pass the key on. Each request has a new connection: a
    purchase sent on an idle one that the server has just closed would be lost.
    """
    session = ClientSession(
        connector=TCPConnector(force_close=True),
        timeout=_TIMEOUT,
        cookie_jar=DummyCookieJar(),
        headers={"X-API-Key": key, "Accept-Encoding": "identity"},
    )
    async with session:
        remote = RemoteInvoker(session, url, Caller("remote", Account("remote", key)))
        if await remote.is_read_only():
            remote.caller = replace(remote.caller, limits=Limits(read_only=True))
        yield remote


class RemoteInvoker:
    """An OperationInvoker over HTTP; the gateway there knows the key and applies its limits."""

    def __init__(self, session: ClientSession, url: str, caller: Caller) -> None:
        """`session` sends the key of `caller` with every request."""
        self._session = session
        self._url = url.rstrip("/")
        self.caller = caller

    async def is_read_only(self) -> bool:
        """Whether the key may only read; False where the gateway's answer does not tell.

        It is found out by cancelling rental 0, which cannot exist: a key's limits are checked
        before the input, so a reading key is answered `forbidden` and any other with another error.
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
        """Run one operation there. Raises the error that the gateway answered.

        Raises UpstreamUnavailable where it cannot be reached, OutcomeUnknown where the answer to
        a purchase is lost.
        """
        validate(op.takes, given)
        if call.at_most is not None:  # this face's limit, in place of the caller's higher one
            given = {**given, "max_price": call.at_most}
        inputs = {name: _json_value(value) for name, value in given.items() if value is not None}
        if op.effect is Effect.SPEND and _REQUEST_ID in op.takes.model_fields:
            inputs.setdefault(_REQUEST_ID, f"mcp-{secrets.token_hex(12)}")
        try:
            status, body, replayed = await self._exchange(op, call, inputs)
        except (ClientError, TimeoutError) as error:
            raise _lost_answer(op, inputs, error) from error
        if status >= 400:
            raise _error(op, inputs, body)
        try:
            return Answer(op.gives.model_validate_json(body), replayed=replayed)
        except ValidationError as error:
            raise _unreadable_answer(op, inputs) from error

    async def repeated(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]
    ) -> Answer[Out] | None:
        """None: the gateway there recognises a repeated purchase itself."""
        return None

    async def resolved(self, op: Operation[In, Out], call: Call, asked: In) -> In:
        """As it is: the gateway there knows its services by their names itself."""
        return asked

    async def check(self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]) -> None:
        """Nothing: the gateway there refuses a purchase when it is made."""

    async def _exchange(self, op: Operation[In, Out], call: Call, inputs: Json) -> Any:
        path = op.rest.path
        for name in op.rest.path_fields:
            path = path.replace(f"{{{name}}}", quote(str(inputs.pop(name)), safe=""))
        reads = op.rest.method == "GET"
        query = {name: _query_value(value) for name, value in inputs.items()} if reads else None
        async with self._session.request(
            op.rest.method,
            URL(self._url + path, encoded=True).with_query(query or {}),
            json=None if reads else inputs,
            headers={"X-Request-Id": call.trace_id},
            allow_redirects=False,
        ) as response:
            body = await response.content.read(_MAX_ANSWER)
            while part := await response.content.read(_MAX_ANSWER):
                body += part
                if len(body) > _MAX_ANSWER:
                    raise _unreadable_answer(op, inputs)
            return response.status, body, response.headers.get(_REPLAYED) == "true"


def _json_value(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _query_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lost_answer(op: Operation[In, Out], inputs: Json, error: Exception) -> GatewayError:
    from aiohttp import ClientConnectorError, ConnectionTimeoutError

    if op.effect is not Effect.SPEND or isinstance(
        error, ClientConnectorError | ConnectionTimeoutError
    ):
        return UpstreamUnavailable(_UNREACHABLE)
    return _outcome_unknown("The answer of the gateway was lost.", inputs)


def _unreadable_answer(op: Operation[In, Out], inputs: Json) -> GatewayError:
    if op.effect is Effect.SPEND:
        return _outcome_unknown("The answer of the gateway could not be read.", inputs)
    return UpstreamBadResponse("The answer of the gateway could not be read.")


def _outcome_unknown(happened: str, inputs: Json) -> OutcomeUnknown:
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
    """The error that the gateway answered, or that its answer cannot be read."""
    try:
        return read_problem(body)
    except ValueError:
        return _unreadable_answer(op, inputs)
