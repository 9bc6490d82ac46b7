"""Forwards webhooks to the URLs in the settings.

One HTTP client, and what counts as a delivery. May import the core's ports and aiohttp.
"""

import aiohttp

from gateway.core.ports.storage import ForwardedWebhook

_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5, sock_connect=5, sock_read=10)


class Forwarder:
    """Sends webhook deliveries; does not follow redirects, which the operator did not name."""

    def __init__(self) -> None:
        """Needs a running event loop, and `aclose` at the end."""
        self._session = aiohttp.ClientSession(
            timeout=_TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=(
                "Content-Type",
            ),  # a webhook that came without one is forwarded without
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def send(self, delivery: ForwardedWebhook) -> bool:
        """Deliver a webhook as it came; whether the target answered 2xx."""
        headers = {"Content-Type": delivery.content_type} if delivery.content_type else {}
        try:
            async with self._session.post(
                _with_query(delivery), data=delivery.body, headers=headers, allow_redirects=False
            ) as response:
                return 200 <= response.status < 300
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return False


def _with_query(delivery: ForwardedWebhook) -> str:
    if not delivery.query:
        return delivery.target
    return delivery.target + ("&" if "?" in delivery.target else "?") + delivery.query
