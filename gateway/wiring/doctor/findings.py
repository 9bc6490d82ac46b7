"""What a check has found, in words for an operator."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum

SECONDS = 5.0  # what a check may take


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is, and what to do about it where something is wrong."""

    check: str
    state: State
    found: str
    advice: str | None = None


async def in_time(
    check: str, work: Awaitable[list[Finding]], seconds: float | None = SECONDS
) -> list[Finding]:
    """The findings of a check; one that fails, or takes too long, is a finding itself."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        return [Finding(check, State.FAILED, f"There was no answer within {SECONDS:g} s.")]
    except Exception as error:  # not its text: that may hold a secret
        return [Finding(check, State.FAILED, f"It could not be checked: {type(error).__name__}.")]
