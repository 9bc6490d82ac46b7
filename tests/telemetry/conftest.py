import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from gateway.http.wire import edge
from gateway.telemetry import logs, metrics

Records = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def records(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Records]:
    """Reads what has been logged: the lines of an event, without their times."""
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    handlers, level, disabled = root.handlers[:], root.level, access.disabled
    monkeypatch.setattr(edge, "log", structlog.get_logger("gateway.http"))
    named = {"log": "ledger", "purchase_log": "purchases", "provider_log": "provider"}
    for name, logger in (named | {"alarm_log": "alarms", "breaker_log": "breaker"}).items():
        monkeypatch.setattr(metrics, name, structlog.get_logger(f"gateway.{logger}"))
    logs.configure("json", "info")

    lines: list[dict[str, Any]] = []

    def read(event: str) -> list[dict[str, Any]]:
        lines.extend(json.loads(line) for line in capsys.readouterr().err.splitlines())
        own = {"event", "timestamp", "logger", "level", "milliseconds"}
        return [
            {name: value for name, value in line.items() if name not in own}
            for line in lines
            if line["event"] == event
        ]

    yield read
    root.handlers[:], access.disabled = handlers, disabled
    root.setLevel(level)
    logging.getLogger("aiohttp.server").filters.clear()
    structlog.reset_defaults()
