"""What a check has found, in words for an operator."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum

from adapters.store import StoreError

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


def late(seconds: float) -> str:
    """What is found where nothing has answered in this time."""
    return f"There was no answer within {seconds:g} s."


async def in_time(check: str, work: Awaitable[list[Finding]], windows: int = 1) -> list[Finding]:
    """The findings of a check; one that fails, or takes too long, is a finding itself.

    `windows`: how many times as long as usual it may take.
    """
    seconds = windows * SECONDS
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        return [Finding(check, State.FAILED, late(seconds))]
    except StoreError as error:
        return [Finding(check, State.FAILED, str(error))]
    except Exception as error:  # not its text: that may hold a secret
        return [Finding(check, State.FAILED, f"It could not be checked: {type(error).__name__}.")]
