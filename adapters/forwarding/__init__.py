"""Passes webhooks on to the addresses an operator names."""

import aiohttp

from gateway.core.ports.storage import WebhookDelivery

_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5, sock_connect=5, sock_read=10)


class Forwarder:
    """Posts letters. Redirects are not followed: the target is the operator's word."""

    def __init__(self) -> None:
        """Make it inside a running event loop, and close it."""
        self._session = aiohttp.ClientSession(
            timeout=_TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            skip_auto_headers=("Content-Type",),  # what came without one goes on without
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def send(self, delivery: WebhookDelivery) -> bool:
        """Deliver a letter as it came; any 2xx is a delivery."""
        headers = {"Content-Type": delivery.content_type} if delivery.content_type else {}
        try:
            async with self._session.post(
                _with_query(delivery), data=delivery.body, headers=headers, allow_redirects=False
            ) as response:
                return 200 <= response.status < 300
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return False


def _with_query(delivery: WebhookDelivery) -> str:
    if not delivery.query:
        return delivery.target
    return delivery.target + ("&" if "?" in delivery.target else "?") + delivery.query
