"""/mcp on the gateway's own port; callers are authenticated before the SDK sees a request.

The SDK is imported with the first request, not with this module.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.core.auth.key_watch import End
from gateway.core.model.callers import Caller
from gateway.core.model.http_errors import MethodNotAllowed, UnsupportedMediaType
from gateway.core.operations.call import Call, CallNote
from mcp_server.options import McpOptions
from mcp_server.ports import OperationInvoker
from mcp_server.transport.accept import Negotiation
from mcp_server.transport.asgi_bridge import Bridge, OnEnd, OnStart, headers_of, read_body
from mcp_server.transport.sessions import SESSION_ID, Sessions, Visit, end_session

if TYPE_CHECKING:
    from mcp.server.lowlevel.server import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from mcp_server.ports import McpContext

PATH = "/mcp"
CALL = "getatext.call"
_METHODS = ("GET", "POST", "DELETE")

Identify = Callable[[web.Request], Awaitable[Caller]]
TraceId = Callable[[web.Request], str]
NoteOf = Callable[[web.Request], CallNote | None]


@dataclass(frozen=True, slots=True)
class McpAdmission:
    """Limits what is open: `held` for the length of a request, by the caller and by `address`.

    `address` is None for a sender whose address has no limit. `host`: by which name the gateway
    was called. `watch` has a session ended once its caller's key ends; it returns what stops that.
    """

    held: Callable[[web.Request, Caller], AbstractContextManager[object]] = (
        lambda _request, _caller: nullcontext()
    )
    address: Callable[[web.Request], str | None] = lambda _request: None
    host: Callable[[web.Request], str | None] = lambda request: request.headers.get("Host")
    watch: Callable[[Caller, End], Callable[[], None]] = lambda _caller, _end: lambda: None


_NO_LIMITS = McpAdmission()


def _no_note(_request: web.Request) -> None:
    """Nobody wants to know what becomes of a request."""


@dataclass(frozen=True, slots=True)
class Mount:
    """What an aiohttp application needs to serve MCP: routes, clean-up context, shutdown."""

    routes: list[web.RouteDef]
    context: Callable[[web.Application], AsyncIterator[None]]
    on_shutdown: Callable[[web.Application], Awaitable[None]]

    def add_to(self, app: web.Application) -> None:
        """Add the routes, the context and the shutdown to an application."""
        app.add_routes(self.routes)
        app.cleanup_ctx.append(self.context)
        app.on_shutdown.append(self.on_shutdown)


def mount(
    invoker: OperationInvoker,
    identify: Identify,
    trace_id: TraceId,
    options: McpOptions,
    admission: McpAdmission = _NO_LIMITS,
    note: NoteOf = _no_note,
) -> Mount:
    """/mcp with the tools of the catalog. `identify` raises Unauthorized for an unknown key.

    `note`: where a request's operation is noted.
    """

    def make_manager() -> "StreamableHTTPSessionManager":
        from mcp_server.server import McpFace

        return _manager(McpFace(lambda: invoker, call_of, options).server, options)

    return mount_manager(make_manager, identify, trace_id, options, admission, note)


def mount_manager(
    make_manager: "Callable[[], StreamableHTTPSessionManager]",
    identify: Identify,
    trace_id: TraceId,
    options: McpOptions,
    admission: McpAdmission = _NO_LIMITS,
    note: NoteOf = _no_note,
) -> Mount:
    """/mcp with any server of the SDK, such as that of the conformance suite."""
    return _HttpFace(identify, trace_id, options, admission, note).mounted(make_manager)


def call_of(ctx: "McpContext") -> Call:
    """The call that was put into the request's scope when its caller was identified."""
    call: Call = ctx.request.scope[CALL]  # type: ignore[union-attr]
    return call


class _HttpFace:
    def __init__(
        self,
        identify: Identify,
        trace_id: TraceId,
        options: McpOptions,
        admission: McpAdmission,
        note: NoteOf,
    ) -> None:
        self._identify = identify
        self._trace_id = trace_id
        self._admission = admission
        self._note = note
        self._sessions = Sessions(options)
        self._options = options
        self._bridge: Bridge | None = None
        self._open = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._make_manager: Callable[[], StreamableHTTPSessionManager] | None = None

    def mounted(self, make_manager: "Callable[[], StreamableHTTPSessionManager]") -> Mount:
        """The routes, and the end of the session manager.

        The first request starts it: a gateway without agents saves the SDK's 60 MB.
        """
        self._make_manager = make_manager

        async def context(app: web.Application) -> AsyncIterator[None]:
            yield
            await self._open.aclose()

        async def on_shutdown(app: web.Application) -> None:
            if self._bridge:
                await self._bridge.stop()

        # With a slash at the end too, which people type and some clients append.
        routes = [web.route("*", path, self._handle) for path in (PATH, f"{PATH}/")]
        return Mount(routes, context, on_shutdown)

    async def _started_bridge(self) -> Bridge:
        """The bridge to the session manager, which the first call starts."""
        async with self._starting:
            if self._bridge is None:
                assert self._make_manager is not None  # noqa: S101 - set before there are requests
                # The import takes about a second, in which the event loop must serve others.
                await asyncio.to_thread(import_module, "mcp_server.server")
                manager = self._make_manager()
                bridge = Bridge(Negotiation(manager.handle_request))
                bridge.start()
                await self._open.enter_async_context(_ManagerTask(manager))
                self._open.push_async_callback(bridge.stop)
                self._bridge = bridge
            return self._bridge

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self._options.hosts.check(self._admission.host(request), request.headers.get("Origin"))
        caller = await self._identify(request)
        if request.method not in _METHODS:
            raise MethodNotAllowed(allowed=_METHODS)
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedMediaType("The body must not be compressed.")
        trace_id = self._trace_id(request)
        headers = {"X-Request-Id": trace_id} if trace_id else {}
        with self._admission.held(request, caller):
            bridge = self._bridge or await self._started_bridge()
            user = _user(caller)
            scope = {CALL: Call(caller, trace_id, note=self._note(request)), "user": user}
            body = await read_body(request)

            async def respond(
                on_start: OnStart, on_end: OnEnd, *, opens: bool
            ) -> web.StreamResponse:
                kept = [each for each in headers_of(request) if each[0] != SESSION_ID]
                extra = {**scope, "headers": kept} if opens else scope
                return await bridge.handle(request, body, extra, headers, on_start, on_end)

            address = self._admission.address(request)
            end = partial(end_session, bridge.app, user)
            watch = partial(self._admission.watch, caller)
            return await self._sessions.respond(
                Visit(request, body, caller.id, address, respond, end, watch)
            )


class _ManagerTask:
    """Runs the session manager in a task of its own.

    Its cancel scopes must be left in the task that entered them, and aiohttp may start and clean
    up an application in different tasks.
    """

    def __init__(self, manager: "StreamableHTTPSessionManager") -> None:
        self._manager = manager
        self._started = asyncio.Event()
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._run())
        started = asyncio.create_task(self._started.wait())
        await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if self._task.done():
            await self._task

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        if self._task:
            await self._task

    async def _run(self) -> None:
        async with self._manager.run():
            self._started.set()
            await self._stop.wait()


def _manager(server: "Server[Any]", options: McpOptions) -> "StreamableHTTPSessionManager":
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    # Host and Origin have been checked before.
    return StreamableHTTPSessionManager(
        app=server,
        session_idle_timeout=options.session_idle_seconds,
        max_sessions=2 * options.max_sessions,  # a second net: sessions.py counts them before
        max_request_body_size=options.max_body,
    )


def _user(caller: Caller) -> object:
    """The owner of a session: the SDK refuses the session to any other."""
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.auth.provider import AccessToken

    return AuthenticatedUser(AccessToken(token="", client_id=caller.id, scopes=[]))
