"""The /mcp of a gateway elsewhere: each message of the client is one HTTP request."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from mcp_server.relay.messages import Json

MAX_ANSWER = 4 * 1024 * 1024
_PATH = "/mcp"
# The gateway keeps a stream alive by a comment every 15 seconds, however long a person thinks.
_TIMEOUT = ClientTimeout(total=None, connect=10, sock_connect=10, sock_read=90)
_SOON = ClientTimeout(total=10)


@asynccontextmanager
async def open_endpoint(url: str, key: str) -> AsyncIterator["Endpoint"]:
    """The /mcp of the gateway at `url`, called with `key`.

    Each request has a new connection: a purchase sent on an idle one that the server has just
    closed would be lost.
    """
    session = ClientSession(
        connector=TCPConnector(force_close=True),
        timeout=_TIMEOUT,
        cookie_jar=DummyCookieJar(),
        read_bufsize=MAX_ANSWER // 2,  # a line may be twice as long
        headers={
            "X-API-Key": key,
            "Accept": "application/json, text/event-stream",
            "Accept-Encoding": "identity",
        },
    )
    async with session:
        yield Endpoint(session, url.rstrip("/").removesuffix(_PATH) + _PATH)


class Endpoint:
    """Sends messages to one URL. Redirects are not followed: they would pass the key on."""

    def __init__(self, session: ClientSession, url: str) -> None:
        """`session` sends the key with every request."""
        self._session = session
        self._url = url

    def post(
        self, body: bytes, headers: Mapping[str, str], *, soon: bool = False
    ) -> AbstractAsyncContextManager[ClientResponse]:
        """Send a message. `soon`: it is no request, so its response comes at once."""
        return self._session.post(
            self._url,
            data=body,
            headers={"Content-Type": "application/json", **headers},
            allow_redirects=False,
            timeout=_SOON if soon else _TIMEOUT,
        )

    def listen(self, headers: Mapping[str, str]) -> AbstractAsyncContextManager[ClientResponse]:
        """The stream of what the gateway says in a session besides its answers."""
        return self._session.get(self._url, headers=headers, allow_redirects=False)

    def end(self, headers: Mapping[str, str]) -> AbstractAsyncContextManager[ClientResponse]:
        """End a session."""
        return self._session.delete(self._url, headers=headers, allow_redirects=False)


async def body_of(response: ClientResponse) -> bytes:
    """The body of a response. Raises ValueError where it is too large."""
    body = bytearray()
    while part := await response.content.read(MAX_ANSWER):
        body += part
        if len(body) > MAX_ANSWER:
            raise ValueError("the body is too large")
    return bytes(body)


async def messages_of(response: ClientResponse) -> AsyncIterator[Json]:
    """The messages of a stream of server-sent events. Raises ValueError for what is none."""
    data: list[bytes] = []
    async for raw in response.content:
        line = raw.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            data.append(line[5:])
            if sum(map(len, data)) > MAX_ANSWER:
                raise ValueError("the event is too large")
        elif not line and data:
            text, data = b"\n".join(data), []
            if text.strip():
                yield message_in(text)


def message_in(text: bytes) -> Json:
    """The one message in a text. Raises ValueError where it holds none."""
    try:
        message = json.loads(text)
    except RecursionError:
        raise ValueError("the message is nested too deep") from None
    if not isinstance(message, dict):
        raise ValueError("the message is no object")
    return message
