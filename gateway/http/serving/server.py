"""Runs the application on a socket, with a graceful shutdown."""

import asyncio
import signal
from collections.abc import Callable

from aiohttp import web

from gateway.http.serving import listening
from gateway.http.serving.app import CAPACITY, EDGE, INVOKER, STREAMS
from gateway.http.serving.connections import OpenConnections, Runner

_LAST_REQUESTS = 1.0


def make_runner(app: web.Application, *, keepalive: float, drain_seconds: float) -> web.AppRunner:
    """The application's runner; idle connections close after `keepalive` seconds."""
    most = app[CAPACITY]
    return Runner(
        app,
        app[EDGE],
        OpenConnections(most.connections, most.backlog),
        access_log=None,
        keepalive_timeout=keepalive,
        shutdown_timeout=drain_seconds,
        # A disconnect cancels the handler. Purchases and changes run in tasks of their own.
        handler_cancellation=True,
    )


async def serve(
    app: web.Application,
    *,
    host: str,
    port: int,
    keepalive: float,
    drain_seconds: float,
    started: Callable[[str], None],
) -> str:
    """Serve until SIGINT or SIGTERM, then drain; which of them it was.

    Calls `started` with the address.

    `host` may be `unix:` and the path of a socket. Raises OSError, or CannotListen for a socket.

    `drain_seconds` must exceed the longest purchase, so that one under way gets its answer.
    """
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[str] = loop.create_future()

    def told(number: signal.Signals) -> None:
        if not stop.done():
            stop.set_result(number.name)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told, number)
    runner = make_runner(app, keepalive=keepalive, drain_seconds=drain_seconds)
    await runner.setup()
    try:
        site = listening.site(runner, host, port, app[CAPACITY].backlog)
        await site.start()
        started(listening.url(runner, host))
        why = await stop
        await _drain(app, site)
        return why
    finally:
        await runner.cleanup()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _drain(app: web.Application, site: web.BaseSite) -> None:
    """Take no new connections, wait for requests in transit, and finish every purchase."""
    app[EDGE].draining = True
    await site.stop()
    app[STREAMS].close()
    await asyncio.sleep(_LAST_REQUESTS)
    await app[INVOKER].drain()
