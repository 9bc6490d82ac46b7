"""Waits for a code: in slices that every gateway allows, and telling that it is still waiting."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import BaseModel

from gateway.core.model.errors import InvalidRequest
from mcp_server.tools.adjustments import WaitRules

PROGRESS_SECONDS = 5.0

Report = Callable[[float, float, str], Awaitable[None]]
Look = Callable[[Mapping[str, Any]], Awaitable[BaseModel]]


async def wait(rules: WaitRules, given: Mapping[str, Any], look: Look, report: Report) -> BaseModel:
    """What the last look answered: a code, an end, or that none has come in the time."""
    seconds = _seconds(rules, given)
    begun = time.monotonic()
    progress = asyncio.create_task(_tell(begun, seconds, report))
    try:
        while True:
            left = seconds - round(time.monotonic() - begun)
            piece = max(0, min(left, rules.slice))
            asked_at = time.monotonic()
            value = await look({**given, rules.field: piece})
            woken = time.monotonic() - asked_at < piece - 1  # by a gateway that is going down
            if getattr(value, "status", None) != "pending" or left <= piece or woken:
                return value
    finally:
        progress.cancel()


def _seconds(rules: WaitRules, given: Mapping[str, Any]) -> int:
    asked = given.get(rules.field, rules.usual)
    try:
        seconds = int(asked)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"{rules.field}: must be a whole number.") from None
    return max(0, min(seconds, rules.most))


async def _tell(begun: float, seconds: int, report: Report) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        passed = round(time.monotonic() - begun)
        await report(min(passed, seconds), seconds, f"No code yet after {passed} s.")
