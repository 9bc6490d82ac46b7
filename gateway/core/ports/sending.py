"""The port that sends a webhook's delivery once."""

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """What one try sends. `id` is the same on every try; `secret` signs it (`whsec_…`)."""

    id: str
    url: str
    body: bytes
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of a try.

    `status` None: no HTTP answer came, and `error` says why, for the webhook's owner. `answer`: how
    the body begins. `duration` and `retry_after` (as the receiver asked) are in seconds.
    """

    status: int | None
    error: str | None
    answer: str
    duration: float
    retry_after: float | None


class Sender(Protocol):
    """Sends to public addresses only, and to those that the operator allows besides."""

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Send it once. Raises nothing of its own: every failure is a result."""

    def check_url(self, url: str) -> None:
        """Raise ValueError, with a sentence for the caller, for what can never be sent to."""
