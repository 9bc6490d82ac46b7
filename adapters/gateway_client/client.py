"""Sends operations to a gateway elsewhere, as its REST face takes them."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
)
from pydantic import BaseModel
from yarl import URL

from adapters.gateway_client import replies
from adapters.gateway_client.replies import Reply
from gateway.core.invocation.validation import validate
from gateway.core.model.errors import Unauthorized
from gateway.core.operations.call import Answer
from gateway.core.operations.operation import AnyOperation, Operation

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

# A purchase may wait there for its turn, and then for the provider; a waiter stays 25 seconds.
_TIMEOUT = ClientTimeout(total=None, connect=10, sock_connect=10, sock_read=120)
_MAX_ANSWER = 32 * 1024 * 1024
_FACES = ("/v1", "/mcp")  # where people take an address from, besides the gateway's own


@asynccontextmanager
async def open_gateway_client(url: str, key: str) -> AsyncIterator["GatewayClient"]:
    """The gateway at `url`, called with `key`. Raises Unauthorized for what can be no key.

    Each request has a new connection: a purchase sent on an idle one that the server has just
    closed would be lost.
    """
    if not (key.isascii() and key.isprintable()):
        raise Unauthorized("The key has a form that no key has.")
    session = ClientSession(
        connector=TCPConnector(force_close=True),
        timeout=_TIMEOUT,
        cookie_jar=DummyCookieJar(),
        headers={"X-API-Key": key, "Accept-Encoding": "identity"},
    )
    async with session:
        yield GatewayClient(session, url)


class GatewayClient:
    """Runs operations at one gateway, which knows the key and applies its limits."""

    def __init__(self, session: ClientSession, url: str) -> None:
        """`session` sends the key with every request; `url` is where the gateway's pages are."""
        self._session = session
        self._url = url.rstrip("/")
        for path in _FACES:
            self._url = self._url.removesuffix(path)

    async def answer(
        self, op: Operation[In, Out], given: Mapping[str, Any], trace_id: str
    ) -> Answer[Out]:
        """Run one operation there, on raw inputs. Raises the error that the gateway answered.

        Raises UpstreamUnavailable where the gateway cannot be reached, which then got nothing, and
        OutcomeUnknown where the answer to a purchase is lost or cannot be read.
        """
        asked = validate(op.takes, given)
        try:
            reply = await self._exchange(op, asked, given, trace_id)
        except (ClientConnectorError, ConnectionTimeoutError) as fault:
            raise replies.unreachable(self._origin, fault) from fault
        except (ClientError, TimeoutError) as fault:
            raise replies.lost(op, asked, fault) from fault
        return replies.read(op, asked, reply)

    @property
    def _origin(self) -> str:
        """The gateway's address without what may be secret in it."""
        url = URL(self._url)
        return f"{url.scheme}://{url.host_port_subcomponent}"

    async def _exchange(
        self, op: AnyOperation, asked: BaseModel, given: Mapping[str, Any], trace_id: str
    ) -> Reply:
        """Send it once. Redirects are not followed: they would pass the key on."""
        path = op.rest.path
        for name in op.rest.path_fields:
            path = path.replace(f"{{{name}}}", quote(str(getattr(asked, name)), safe=""))
        inputs = {name: each for name, each in given.items() if name not in op.rest.path_fields}
        in_query = op.rest.method != "POST"
        headers = {"X-Request-Id": trace_id}
        if not in_query:
            headers["Content-Type"] = "application/json"
        async with self._session.request(
            op.rest.method,
            URL(self._url + path, encoded=True).with_query(_texts(inputs) if in_query else {}),
            data=None if in_query else json.dumps(inputs, default=str).encode(),
            headers=headers,
            allow_redirects=False,
        ) as response:
            return Reply(response.status, response.headers, await _body(response))


def _texts(inputs: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in inputs.items()
        if value is not None
    }


async def _body(response: ClientResponse) -> bytes | None:
    """The body; None where it is too large."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > _MAX_ANSWER:
            return None
    return bytes(body)
