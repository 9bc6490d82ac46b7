"""Waits by short calls of the operation, with progress notifications meanwhile."""

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
    """The last answer of `ask_once`: what is waited for or, after the time, that it is pending."""
    seconds = _seconds(rules, given)
    begun = time.monotonic()
    progress = asyncio.create_task(_report_progress(begun, seconds, rules, report))
    try:
        while True:
            left = seconds - round(time.monotonic() - begun)
            part = max(0, min(left, rules.slice_seconds))
            asked_at = time.monotonic()
            value = await ask_once({**given, rules.field: part})
            cut_short = time.monotonic() - asked_at < part - 1  # by a gateway that shuts down
            if not _pending(value) or left <= part or cut_short:
                return value
    finally:
        progress.cancel()


def _pending(value: BaseModel) -> bool:
    """Whether nothing has come: a value without a status has rows."""
    status = getattr(value, "status", None)
    return status == "pending" if status is not None else not getattr(value, "data", True)


def _seconds(rules: WaitRules, given: Mapping[str, Any]) -> int:
    asked = given.get(rules.field, rules.default_seconds)
    try:
        seconds = int(asked)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"{rules.field}: must be a whole number.") from None
    return max(0, min(seconds, rules.max_seconds))


async def _report_progress(
    begun: float, seconds: int, rules: WaitRules, report: ReportProgress
) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        passed = round(time.monotonic() - begun)
        await report(min(passed, seconds), seconds, f"No {rules.awaited} yet after {passed} s.")
