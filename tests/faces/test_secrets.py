"""Keys in queries stand in no log line, whatever happens to the request."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from adapters.getatext.provider import Getatext
from gateway.http.wire import edge
from gateway.telemetry import logs
from tests.faces.support import DAISY, PHP, QUIET, STUB, Tool, tool_of
from tests.support.gateway import run_simulated

SECRET = "sk_live_d0NotTellAnybody"


@pytest.fixture
def log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[pytest.CaptureFixture[str]]:
    """The log as the program sets it up; put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(edge, "log", structlog.get_logger("gateway.http"))
    logs.configure("json", "debug")
    yield capsys
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
async def tool() -> AsyncIterator[Tool]:
    async with run_simulated(QUIET, gateway_access_log=True) as stand:
        yield tool_of(stand, SECRET)


async def crash(*_: object) -> None:
    raise ZeroDivisionError(f"while asking with api_key={SECRET}")


TARGETS = [
    f"{PHP}?api_key={SECRET}&action=getBalance",
    f"{PHP}/?action=getNumber&service=wa&api_key={SECRET}",
    f"{PHP}?api_key={SECRET}&action=%FF",
    f"{PHP}?api_key={SECRET}&api_key={SECRET}2&action=getNumber",
    f"{DAISY}?api_key={SECRET}&action=getBalance",
    f"{DAISY}?api_key={SECRET}&action=getNumber&service=wa&max_price=1&{SECRET}=1",
    f"/daisysms/{SECRET}?api_key={SECRET}",
    f"{STUB}?api_key={SECRET}&action=getBalance",
    f"{STUB}?api_key={SECRET}&action=nothing",
    f"/stubs/handler_api.aspx?api_key={SECRET}",
    f"/stubs/{SECRET}?api_key={SECRET}",
    f"/api/v1/{SECRET}",
    f"/nowhere/{SECRET}",
    f"{PHP}?api_key={SECRET}&{'a' * 9000}=1",
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("crashing", [False, True])
async def test_a_key_is_nowhere_in_the_log(
    log: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tool: Tool,
    target: str,
    crashing: bool,
) -> None:
    if crashing:
        monkeypatch.setattr(Getatext, "call", crash)
    answer = await tool.raw("GET", target)
    written = log.readouterr()

    assert written.err
    assert SECRET not in written.err + written.out
    assert SECRET.encode() not in answer.body


async def test_a_crash_is_logged_with_its_trace_and_told_as_trouble(
    log: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tool: Tool
) -> None:
    monkeypatch.setattr(Getatext, "call", crash)

    assert await tool.text("getBalance") == "ERROR_SQL"
    written = log.readouterr().err
    assert "ZeroDivisionError" in written
    assert "request failed" in written
