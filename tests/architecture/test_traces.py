"""What a purchase really runs through: few files, and in the core only downwards."""

import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import pytest

from adapters.store.sqlite import following
from gateway.core.jobs import cancel_task, housekeeping, webhook_forwarding
from gateway.core.webhooks import dispatcher
from tests.support.gateway import Stand, run_simulated

ROOT = Path(__file__).resolve().parents[2]
MOST_FILES_OF_A_RENT = 45
MOST_FILES_OF_A_REPLAY = 25


BESIDE = (
    (following, "_LOOK_EVERY"),
    (housekeeping, "LOOK_EVERY"),
    (housekeeping, "COUNT_EVERY"),
    (webhook_forwarding, "_LOOK_EVERY"),
    (cancel_task, "_LOOK_EVERY"),
    (dispatcher, "LOOK_EVERY"),
)
"""How often what runs beside the requests does so, in seconds."""


def floors() -> dict[str, int]:
    """How high each package of the core stands, by the contract that the imports keep."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (core,) = (c for c in contracts["contracts"] if c.get("containers") == ["gateway.core"])
    return {
        name.strip(): height
        for height, layer in enumerate(reversed(core["layers"]))
        for name in layer.split("|")
    }


def product_file(frame: FrameType | None) -> str | None:
    """The file of a frame below the project's root, where it is the product's."""
    if frame is None or not frame.f_code.co_filename.startswith(str(ROOT)):
        return None
    path = Path(frame.f_code.co_filename).relative_to(ROOT)
    inside = path.parts[0] in ("gateway", "mcp_server", "adapters")
    return str(path) if inside and path.parts[:2] != ("adapters", "simulator") else None


def floor_of(path: str | None) -> int | None:
    parts = Path(path or "").parts
    if parts[:2] != ("gateway", "core"):
        return None
    return floors_of_core[parts[2].removesuffix(".py")]


floors_of_core = floors()


@dataclass
class Trace:
    """Which files are entered, and which calls go up within the core."""

    on: bool = False
    files: set[str] = field(default_factory=set)
    upwards: set[tuple[str, str]] = field(default_factory=set)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Note the files that are entered in here."""
        self.files = set()
        self.on = True
        yield
        self.on = False

    def note(self, frame: FrameType, event: str, _arg: object) -> None:
        if not self.on or event != "call" or (called := product_file(frame)) is None:
            return
        self.files.add(called)
        caller = product_file(frame.f_back)
        low, high = floor_of(caller), floor_of(called)
        if low is not None and high is not None and low < high:
            self.upwards.add((str(caller), called))


@contextmanager
def profiling(trace: Trace) -> Iterator[None]:
    """Note what this thread, and those that begin in here, enter."""
    before, before_threads = sys.getprofile(), threading.getprofile()
    sys.setprofile(trace.note)
    threading.setprofile(trace.note)  # the thread of the SQLite file
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(before_threads)


async def rent(stand: Stand, request_id: str) -> tuple[int, str]:
    headers = {"Idempotency-Key": request_id}
    answer = await stand.client.post("/v1/rentals", {"service_code": "whatsapp"}, headers=headers)
    return answer.status, answer.json["id"]


async def test_a_rent_and_its_replay_enter_few_files_and_the_core_calls_down_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name in BESIDE:
        monkeypatch.setattr(module, name, 3600.0)
    trace = Trace()
    with profiling(trace):
        async with run_simulated() as stand:
            await rent(stand, "warm-up")
            await rent(stand, "warm-up")
            with trace.running():
                first = await rent(stand, "order-1")
            bought = trace.files
            with trace.running():
                again = await rent(stand, "order-1")
            replayed = trace.files

    assert first == again == (201, first[1])
    assert not trace.upwards
    assert {path for path in bought if path.startswith("adapters/store/sqlite")}
    assert len(bought) <= MOST_FILES_OF_A_RENT, sorted(bought)
    assert len(replayed) <= MOST_FILES_OF_A_REPLAY, sorted(replayed)
