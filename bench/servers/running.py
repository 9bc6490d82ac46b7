"""How every server here is run: on one port, on the loop that `serve` would use."""

import argparse
import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from bench.measure import new_event_loop

KEEPALIVE = 20.0


def parser() -> argparse.ArgumentParser:
    """The arguments that all servers take."""
    made = argparse.ArgumentParser()
    made.add_argument("--port", type=int, required=True)
    return made


def run(opened: Callable[[], AbstractAsyncContextManager[None]]) -> None:
    """Keep it open until SIGTERM."""

    async def main() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        async with opened():
            await stop.wait()

    with asyncio.Runner(loop_factory=new_event_loop()) as runner:
        runner.run(main())


async def listen(app: web.Application, port: int) -> web.AppRunner:
    """Serve an application of aiohttp with the gateway's own settings of the server."""
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=KEEPALIVE, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    return runner
