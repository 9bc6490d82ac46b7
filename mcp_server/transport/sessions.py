"""Limits the sessions of one key, of one address and of all, which the SDK only counts together.

A session is seen by what passes: the header Mcp-Session-Id of the answer that opens it, its end by
DELETE, and the time without a request after which the SDK ends it. Many clients never end theirs;
so a key that has as many as it may loses the one that was idle the longest when it opens another.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from aiohttp import hdrs, web
from multidict import istr
from pydantic_core import from_json

from gateway.core.auth.concurrency import ConcurrencyLimit, Held
from gateway.core.auth.key_watch import End
from gateway.core.model.errors import Unauthorized
from mcp_server.options import McpOptions
from mcp_server.transport.asgi_bridge import Asgi, Message, OnEnd, OnStart

SESSION_ID = b"mcp-session-id"
_SESSION_ID = istr("Mcp-Session-Id")
_VERSION = istr("Mcp-Protocol-Version")
_TO_ANSWER = 0.4  # seconds
_GONE = (
    "This session is not known here, or has ended. Send initialize without Mcp-Session-Id to begin "
    "a new one, and look at what was bought before you repeat a purchase."
)


class Respond(Protocol):
    """Has the SDK answer a request."""

    def __call__(
        self, on_start: OnStart, on_end: OnEnd, *, opens: bool
    ) -> Awaitable[web.StreamResponse]:
        """The response; where the request `opens` a session, without the id that it may carry.

        `on_start` is told of the response's start, `on_end` of the end of the SDK's work on it.
        """


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: its caller's id and address, how it is answered, and how a session is ended.

    `address` is None for a sender whose address has no limit. `end` ends, in the SDK, a session of
    the same caller by its id. `watch` has that done once the caller's key ends.
    """

    request: web.Request
    body: bytes
    owner: str
    address: str | None
    respond: Respond
    end: Callable[[str], Awaitable[None]]
    watch: Callable[[End], Callable[[], None]]


@dataclass(eq=False, slots=True)
class _Session:
    """An open session, with its requests under way; `calls` are those but for streams (GET).

    `idle_from`: when its last request ended; `called_at`: its last call. `answered`: to be set once
    no call is under way.
    """

    owner: str
    leave: Callable[[], None]
    unwatch: Callable[[], None] = lambda: None
    idle_from: float = 0.0
    called_at: float = 0.0
    requests: int = 0
    calls: int = 0
    answered: asyncio.Event | None = None


class Sessions:
    """Counts sessions, and refuses to open more than a limit."""

    def __init__(self, options: McpOptions) -> None:
        self._limit = ConcurrencyLimit(options.max_sessions, options.max_sessions_of_address)
        self._kind = Held("MCP sessions", options.max_sessions_of_key)
        self._idle_seconds = options.session_idle_seconds
        # By id; by itself until that is known.
        self._sessions: dict[object, _Session] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def respond(self, visit: Visit) -> web.StreamResponse:
        """The response to a request, made by the SDK or, where its session is gone, here.

        Raises GatewayBusy where the request would open a session too many.
        """
        session_id = visit.request.headers.get(_SESSION_ID)
        if _is_stateless(visit.request):
            return await visit.respond(_no_start, _no_end, opens=False)
        session = self._sessions.get(session_id)
        if session is not None and session.owner == visit.owner:
            response = await self._within(session, visit, _no_start, opens=False)
            ended = visit.request.method == hdrs.METH_DELETE and response.status < 400
            if ended or response.status == 404:
                self._end(session_id)
            if response.status != 404:
                return response
        if visit.request.method == hdrs.METH_POST and _is_initialize(visit.body):
            return await self._opened(visit)
        if session_id is None:
            return await visit.respond(
                _no_start, _no_end, opens=False
            )  # the SDK says what it lacks
        return web.Response(status=404, body=gone(), content_type="application/json")

    async def _opened(self, visit: Visit) -> web.StreamResponse:
        self._forget_idle()
        while (idle := self._to_make_room(visit.owner)) is not None:
            self._end(idle)
            await asyncio.shield(visit.end(idle))
        session = _Session(visit.owner, self._limit.enter(self._kind, visit.owner, visit.address))
        self._sessions[session] = session
        session.unwatch = visit.watch(partial(self._key_ended, session, visit.end))

        def named(start: Message) -> None:
            session_id = dict(start["headers"]).get(SESSION_ID)
            if session_id is not None and start["status"] < 400 and session in self._sessions:
                self._sessions[session_id.decode()] = self._sessions.pop(session)

        return await self._within(session, visit, named, opens=True)

    async def _within(
        self, session: _Session, visit: Visit, on_start: OnStart, *, opens: bool
    ) -> web.StreamResponse:
        call = int(visit.request.method != hdrs.METH_GET)
        session.requests += 1
        session.calls += call

        def ended() -> None:
            session.requests -= 1
            session.calls -= call
            session.idle_from = time.monotonic()
            if call:
                session.called_at = session.idle_from
            if session.answered is not None and not session.calls:
                session.answered.set()
            self._end(session)  # if it has got no id by now

        return await visit.respond(on_start, ended, opens=opens)

    def _to_make_room(self, owner: str) -> str | None:
        """The session that a further one of this owner ends, if it has as many as it may.

        A stream alone does not keep a session: clients that forget a session leave it open.
        """
        mine = [each for each in self._sessions.items() if each[1].owner == owner]
        if len(mine) < self._kind.of_key:
            return None
        idle = [
            (session.called_at, name)
            for name, session in mine
            if isinstance(name, str) and not session.calls
        ]
        return min(idle)[1] if idle else None

    def _forget_idle(self) -> None:
        """Forget the sessions that the SDK has ended."""
        before = time.monotonic() - self._idle_seconds
        for name, session in list(self._sessions.items()):
            if not session.requests and session.idle_from < before:
                self._end(name)

    def _key_ended(
        self, session: _Session, end: Callable[[str], Awaitable[None]], why: Unauthorized
    ) -> None:
        """End a session whose caller's key has ended, here and in the SDK."""
        for name in [name for name, each in self._sessions.items() if each is session]:
            self._end(name)
            if isinstance(name, str):
                task = asyncio.ensure_future(_ended(session, partial(end, name)))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    def _end(self, name: object) -> None:
        session = self._sessions.pop(name, None)
        if session is not None:
            session.leave()
            session.unwatch()


async def _ended(session: _Session, end: Callable[[], Awaitable[None]]) -> None:
    """End a session in the SDK, which drops the answers of calls that are under way.

    A wait that ends with the same key is to say why, so calls have a moment left.
    """
    if session.calls:
        session.answered = asyncio.Event()
        with suppress(TimeoutError):
            await asyncio.wait_for(session.answered.wait(), _TO_ANSWER)
    await end()


async def end_session(app: Asgi, user: object, session_id: str) -> None:
    """End a session in the SDK as its client would, by a DELETE. `user` is its owner's."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        pass

    headers = [(SESSION_ID, session_id.encode())]
    scope = {"type": "http", "method": "DELETE", "path": "/", "query_string": b""}
    await app({**scope, "headers": headers, "user": user}, receive, send)


def gone() -> bytes:
    """The body of a response 404, which tells a client that its session is no more."""
    error = {"code": -32600, "message": _GONE}
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()


def _is_initialize(body: bytes) -> bool:
    try:
        message: Any = from_json(body)
    except ValueError:
        return False
    return isinstance(message, dict) and message.get("method") == "initialize"


def _is_stateless(request: web.Request) -> bool:
    """Whether the request is of a protocol version that has no sessions."""
    from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

    version = request.headers.get(_VERSION)
    return version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS


def _no_start(start: Message) -> None:
    pass


def _no_end() -> None:
    pass
