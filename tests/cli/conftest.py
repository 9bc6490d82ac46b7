import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from adapters.simulator import DEMO_KEY, Fault, Limits, Rules, Simulator, SimulatorConfig
from gateway.cli.main import cli
from tests.support.stores import postgres

__all__ = ["postgres"]


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

    def asked(self, call: str) -> int:
        return self.simulator.journal.calls[call]


@contextmanager
def running(config: SimulatorConfig) -> Iterator[Provider]:
    """A simulator that runs until the end of the block."""
    simulator = Simulator(config)
    ready, loops = threading.Event(), list[asyncio.AbstractEventLoop]()
    stop = asyncio.Event()

    async def live() -> None:
        async with simulator.running():
            loops.append(asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=[live()])
    thread.start()
    assert ready.wait(60)
    yield Provider(simulator, loops[0])
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(60)


@pytest.fixture
def provider() -> Iterator[Provider]:
    rules = Rules(code_after=0.0, cancel_locked=0.0)
    with running(SimulatorConfig(rules=rules, limits=Limits(on=False))) as provider:
        yield provider


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
