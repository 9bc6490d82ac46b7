"""The simulator on a socket, and its interface for tests in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from adapters.simulator.control import settings
from adapters.simulator.control.endpoint import Control
from adapters.simulator.control.settings import Changes
from adapters.simulator.provider.books import Books
from adapters.simulator.provider.config import SimulatorConfig
from adapters.simulator.provider.faults import Fault
from adapters.simulator.provider.journal import Journal
from adapters.simulator.provider.provider import SimulatedProvider
from adapters.simulator.provider.records import Account, Rental
from adapters.simulator.wire.face import Face
from adapters.simulator.wire.replies import FaultInjector
from adapters.simulator.wire.webhook import WebhookSender

BACKLOG = 4096


class Simulator:
    """A simulated Getatext: `async with Simulator(config).running() as sim: … sim.url …`."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        self.config = config or SimulatorConfig()
        self.webhooks = WebhookSender(self.config.log_size)
        self.provider = SimulatedProvider(self.config, self._announce)
        self._injector = FaultInjector()
        self._url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Simulator]:
        """Listens until the block ends, then closes every task, socket and waiting request."""
        runner = web.AppRunner(
            self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0
        )
        await runner.setup()
        await self.webhooks.open()
        ticking = asyncio.create_task(self._tick_forever())
        try:
            site = web.TCPSite(runner, self.config.host, self.config.port, backlog=BACKLOG)
            await site.start()
            host, port = runner.addresses[0][:2]
            self._url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
            yield self
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking
            self.release()
            await self.webhooks.close()
            await runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        return self._url

    @property
    def books(self) -> Books:
        """Accounts and rentals. Call `tick` first to bring them up to date."""
        return self.provider.books

    @property
    def journal(self) -> Journal:
        """The log of requests received: counts, and the last requests."""
        return self.provider.journal

    @property
    def violations(self) -> int:
        """How many requests were over a rate limit, of all accounts and calls."""
        counted = self.provider.limiter.violations.values()
        return sum(sum(calls.values()) for calls in counted)

    def script(self, *faults: Fault) -> None:
        """Adds faults after those already scripted."""
        for fault in faults:
            self.provider.faults.add(fault)

    def change(self, **changes: object) -> None:
        """Changes settings, named as in `POST /_control/settings`."""
        settings.change(self.provider, Changes.model_validate(changes))

    def tick(self) -> None:
        """Runs all due actions; also called every `config.tick` seconds."""
        self.provider.timeline.catch_up()

    def advance(self, seconds: float) -> None:
        """Moves the clock forward: codes arrive, rentals expire, cancel locks end."""
        self.provider.timeline.push_forward(seconds)
        self.tick()

    def receive_code(self, rental_id: int, code: str) -> Rental | None:
        """Delivers a code now; None when the rental is no longer active."""
        return self.provider.renting.receive(rental_id, code, self.provider.timeline.now())

    def release(self) -> None:
        """Closes hanging connections and sends slow answers now."""
        self._injector.release()

    def reset(self) -> None:
        """Restores the initial state at the same address."""
        self.provider.reset()
        self.webhooks.give_up()
        self.release()

    def _announce(self, account: Account, rental: Rental) -> None:
        url = account.config.webhook_url
        if url:
            body = self.provider.bodies.webhook(rental)
            self.webhooks.send(url, body, self.provider.live.config.webhook)

    def _app(self) -> web.Application:
        app = web.Application()
        app.add_routes(Control(self.provider, self.webhooks, self.reset).routes())
        app.add_routes(Face(self.provider, self._injector).routes())
        return app

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(self.config.tick)
            self.tick()
