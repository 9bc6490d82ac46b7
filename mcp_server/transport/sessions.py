"""Limits the sessions of one key, of one address and of all, which the SDK only counts together.

A session is seen by what passes: the header Mcp-Session-Id of the answer that opens it, its end by
DELETE, and the time without a request after which the SDK ends it.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from multidict import istr

from gateway.core.auth.concurrency import ConcurrencyLimit, Held
from mcp_server.options import McpOptions
from mcp_server.transport.asgi_bridge import LINGER_SECONDS

_SESSION_ID = istr("Mcp-Session-Id")
_VERSION = istr("Mcp-Protocol-Version")

Respond = Callable[[], Awaitable[web.StreamResponse]]


@dataclass(eq=False, slots=True)
class _Session:
    """An open session. `idle_from`: when its last request ended; `requests`: those under way."""

    owner: str
    leave: Callable[[], None]
    idle_from: float
    requests: int = 0


class Sessions:
    """Counts sessions, and refuses to open more than a limit."""

    def __init__(self, options: McpOptions) -> None:
        self._limit = ConcurrencyLimit(options.max_sessions, options.max_sessions_of_address)
        self._kind = Held("MCP sessions", options.max_sessions_of_key)
        self._idle_seconds = options.session_idle_seconds
        self._sessions: dict[object, _Session] = {}

    async def respond(
        self, request: web.Request, owner: str, address: str | None, respond: Respond
    ) -> web.StreamResponse:
        """The response to a request, made by `respond`. `owner` is the caller's id.

        Raises GatewayBusy where the request would open a session too many.
        """
        session_id = request.headers.get(_SESSION_ID)
        if session_id is None:
            if _is_stateless(request):
                return await respond()
            return await self._opened(owner, address, respond)
        session = self._sessions.get(session_id)
        if session is None or session.owner != owner:
            return await respond()
        response = await self._within(session, respond)
        if response.status == 404 or (request.method == "DELETE" and response.status < 400):
            self._end(session_id)
        return response

    async def _opened(
        self, owner: str, address: str | None, respond: Respond
    ) -> web.StreamResponse:
        self._end_idle()
        session = _Session(owner, self._limit.enter(self._kind, owner, address), 0.0)
        name: object = session  # until its id is known, and where its client did not wait for it
        self._sessions[name] = session
        try:
            response = await self._within(session, respond)
        except Exception:
            self._end(name)
            raise
        session_id = response.headers.get(_SESSION_ID)
        if session_id is not None and response.status < 400:
            self._sessions[session_id] = session
            del self._sessions[name]
        else:
            self._end(name)
        return response

    async def _within(self, session: _Session, respond: Respond) -> web.StreamResponse:
        session.requests += 1
        lingers = LINGER_SECONDS  # of a client that hangs up the SDK still works on the request
        try:
            response = await respond()
            lingers = 0.0
            return response
        finally:
            session.requests -= 1
            session.idle_from = time.monotonic() + lingers

    def _end_idle(self) -> None:
        """Forget the sessions that the SDK has ended."""
        before = time.monotonic() - self._idle_seconds
        for name, session in list(self._sessions.items()):
            if not session.requests and session.idle_from < before:
                self._end(name)

    def _end(self, name: object) -> None:
        session = self._sessions.pop(name, None)
        if session is not None:
            session.leave()


def _is_stateless(request: web.Request) -> bool:
    """Whether the request is of a protocol version that has no sessions."""
    from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

    version = request.headers.get(_VERSION)
    return version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS
