import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from click.testing import CliRunner, Result

from adapters.simulator import DEMO_KEY, Fault, Limits, Rules, Simulator, SimulatorConfig
from gateway.cli.main import cli
from gateway.core.model.callers import Limits as KeyLimits
from gateway.telemetry import logs
from gateway.wiring import Gateway
from tests.support.cutting import Cutter, cutting
from tests.support.gateway import Stand, run_simulated
from tests.support.keys import make_key
from tests.support.stores import postgres

__all__ = ["postgres"]

T = TypeVar("T")

QUIET = SimulatorConfig(rules=Rules(code_after=0.0, cancel_locked=0.0), limits=Limits(on=False))


@dataclass
class Provider:
    """A simulator in a thread of its own, so that commands can run loops of theirs."""

    simulator: Simulator
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return self.simulator.url

    def script(self, fault: Fault) -> None:
        self.loop.call_soon_threadsafe(self.simulator.script, fault)

    def release(self) -> None:
        """What is slow is answered now."""
        self.loop.call_soon_threadsafe(self.simulator.release)

    def send(self, rental_id: int, code: str) -> None:
        """A code comes."""
        self.loop.call_soon_threadsafe(self.simulator.receive_code, rental_id, code)

    def asked(self, call: str) -> int:
        return self.simulator.journal.calls[call]


@contextmanager
def living(opened: AbstractAsyncContextManager[T]) -> Iterator[tuple[T, asyncio.AbstractEventLoop]]:
    """What is opened, in the loop of a thread of its own."""
    ready, told = threading.Event(), list[tuple[T, asyncio.AbstractEventLoop]]()
    stop = asyncio.Event()

    async def live() -> None:
        async with opened as it:
            told.append((it, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=[live()])
    thread.start()
    assert ready.wait(60)
    try:
        yield told[0]
    finally:
        told[0][1].call_soon_threadsafe(stop.set)
        thread.join(60)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with living(Simulator(QUIET).running()) as (simulator, loop):
        yield Provider(simulator, loop)


@dataclass
class Elsewhere(Provider):
    """A gateway that runs before the simulator, and a line to it on which answers are lost."""

    gateway: Gateway
    line: Cutter

    @property
    def there(self) -> str:
        """Its address."""
        return self.line.gateway_url

    def key(self, name: str, **limits: Any) -> str:
        """A new key of the gateway's, with limits."""
        making = make_key(self.gateway, name, KeyLimits(**limits))
        return asyncio.run_coroutine_threadsafe(making, self.loop).result(60)


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    logs.configure("console", "error", [])  # it is another process, whose log is elsewhere
    with living(_gateway()) as ((stand, line), loop):
        yield Elsewhere(stand.sim, loop, stand.gateway, line)


@asynccontextmanager
async def _gateway() -> AsyncIterator[tuple[Stand, Cutter]]:
    own = {"getatext_api_key": DEMO_KEY, "gateway_pass_through": True}
    async with run_simulated(QUIET, **own) as stand, cutting(stand.url) as line:
        yield stand, line


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting of the machine's own, and no ledger of another test; logging as it was after."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("GATEWAY_CONFIG", "GETATEXT_API_KEY", "GETATEXT_BASE_URL", "GETATEXT_TIER"):
        monkeypatch.delenv(name, raising=False)
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    handlers, level, disabled = root.handlers[:], root.level, access.disabled
    yield
    root.handlers[:], access.disabled = handlers, disabled
    root.setLevel(level)
    structlog.reset_defaults()


Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    def invoke(*words: str, **env: str) -> Result:
        return CliRunner(env=env).invoke(cli, words)

    return invoke


@pytest.fixture
def at(provider: Provider, run: Run) -> Run:
    """Runs a command against the simulator, with its demo key."""

    def invoke(*words: str, **env: str) -> Result:
        usual = {"GETATEXT_BASE_URL": provider.url, "GETATEXT_API_KEY": DEMO_KEY}
        return run(*words, **(usual | env))

    return invoke


@pytest.fixture
def there(elsewhere: Elsewhere, run: Run) -> Run:
    """Runs a command at the gateway elsewhere, with the provider's key, and nothing else here."""

    def invoke(*words: str, **env: str) -> Result:
        usual = {
            "GATEWAY_URL": elsewhere.there,
            "GETATEXT_API_KEY": DEMO_KEY,
            "GETATEXT_BASE_URL": "http://127.0.0.1:1",
            "GATEWAY_DATABASE_URL": "sqlite:////nowhere/gateway.db",
        }
        return run(*words, **(usual | env))

    return invoke
