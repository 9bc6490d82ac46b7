"""Waits for a code by short calls of the operation, with progress notifications meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import BaseModel

from gateway.core.model.errors import InvalidRequest
from mcp_server.tools.adjustments import WaitRules

PROGRESS_SECONDS = 5.0

ReportProgress = Callable[[float, float, str], Awaitable[None]]
AskOnce = Callable[[Mapping[str, Any]], Awaitable[BaseModel]]


async def wait(
    rules: WaitRules, given: Mapping[str, Any], ask_once: AskOnce, report: ReportProgress
) -> BaseModel:
    """The last answer of `ask_once`: a code, the end of the rental, or pending after the time."""
    seconds = _seconds(rules, given)
    begun = time.monotonic()
    progress = asyncio.create_task(_report_progress(begun, seconds, report))
    try:
        while True:
            left = seconds - round(time.monotonic() - begun)
            part = max(0, min(left, rules.slice_seconds))
            asked_at = time.monotonic()
            value = await ask_once({**given, rules.field: part})
            cut_short = time.monotonic() - asked_at < part - 1  # by a gateway that shuts down
            if getattr(value, "status", None) != "pending" or left <= part or cut_short:
                return value
    finally:
        progress.cancel()


def _seconds(rules: WaitRules, given: Mapping[str, Any]) -> int:
    asked = given.get(rules.field, rules.default_seconds)
    try:
        seconds = int(asked)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"{rules.field}: must be a whole number.") from None
    return max(0, min(seconds, rules.max_seconds))


async def _report_progress(begun: float, seconds: int, report: ReportProgress) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        passed = round(time.monotonic() - begun)
        await report(min(passed, seconds), seconds, f"No code yet after {passed} s.")
