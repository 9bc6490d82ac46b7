"""The webhook: one unsigned POST per code, repeated a few times until it is answered with 2xx."""

import asyncio
from collections import deque
from dataclasses import dataclass

from aiohttp import ClientError, ClientSession, ClientTimeout

from adapters.simulator.provider.config import WebhookRules


@dataclass(frozen=True, slots=True)
class WebhookAttempt:
    """One attempt to send a webhook; `status` is None when there was no answer."""

    url: str
    json: object
    attempt: int
    status: int | None


class WebhookSender:
    """Sends webhooks in background tasks; `deliveries` holds the last attempts."""

    def __init__(self, keep: int) -> None:
        self.deliveries: deque[WebhookAttempt] = deque(maxlen=keep)
        self._session: ClientSession | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Opens the HTTP client."""
        self._session = ClientSession()

    async def close(self) -> None:
        """Cancels every delivery, waits for its end and closes the HTTP client."""
        self.give_up()
        await self.settled()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def give_up(self) -> None:
        """Cancels the deliveries under way and clears `deliveries`."""
        for task in self._under_way:
            task.cancel()
        self.deliveries.clear()

    async def settled(self) -> None:
        """Returns when every delivery has succeeded or been given up."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))

    def send(self, url: str, body: dict[str, object], rules: WebhookRules) -> None:
        """Starts a delivery; sends nothing while closed."""
        if self._session is None:
            return
        task = asyncio.create_task(self._deliver(self._session, url, body, rules))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _deliver(
        self, session: ClientSession, url: str, body: dict[str, object], rules: WebhookRules
    ) -> None:
        for attempt in range(1, rules.attempts + 1):
            status = await _post(session, url, body, rules.timeout)
            self.deliveries.append(WebhookAttempt(url, body, attempt, status))
            if status is not None and status < 300:
                return
            if attempt < rules.attempts:
                await asyncio.sleep(rules.retry_after)


async def _post(session: ClientSession, url: str, body: object, seconds: float) -> int | None:
    try:
        async with session.post(
            url, json=body, timeout=ClientTimeout(seconds), allow_redirects=False
        ) as response:
            return response.status
    except (ClientError, TimeoutError, ValueError):
        return None
