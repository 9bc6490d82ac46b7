"""Receives the provider's webhook at /webhooks/getatext/{secret}."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from aiohttp import web

from gateway.core.codes.provider_webhooks import ProviderWebhooks, ReceivedWebhook
from gateway.core.model.errors import GatewayError, LedgerUnavailable, NotFound
from gateway.http.wire.addresses import Network, Proxy, sender
from gateway.http.wire.inputs import read_body

log = structlog.get_logger("gateway.webhook")


@dataclass(frozen=True, slots=True)
class WebhookTerms:
    """How webhooks are read and forwarded, and who may send them.

    `sources` empty: any address. `proxies`: those whose X-Forwarded-For is trusted.
    """

    read: Callable[[bytes], ReceivedWebhook]
    pass_on: Callable[[str, str, bytes], Awaitable[None]]
    sources: Sequence[Network] = ()
    proxies: Sequence[Proxy] = ()


class WebhookFace:
    """Accepts webhooks; a wrong secret gets the 404 of any unknown path."""

    def __init__(self, webhooks: ProviderWebhooks, terms: WebhookTerms) -> None:
        """`webhooks` maps the secret to its account and handles what was received."""
        self._webhooks = webhooks
        self._terms = terms

    def routes(self) -> list[web.RouteDef]:
        """The route with the secret in its path."""
        return [web.post("/webhooks/getatext/{secret}", self._receive)]

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        account_id = self._webhooks.account_of(request.match_info["secret"])
        if account_id is None or not self._may_send(request):
            raise NotFound
        body = await read_body(request)
        content_type = request.headers.get("Content-Type", "")
        try:
            await self._webhooks.received(account_id, self._terms.read(body))
        except LedgerUnavailable:
            raise
        except GatewayError as error:
            # An error would only make the provider send the same again.
            log.warning("a webhook could not be read", reason=error.detail)
        await self._terms.pass_on(request.rel_url.raw_query_string, content_type, body)
        return web.json_response({"status": "ok"})

    def _may_send(self, request: web.Request) -> bool:
        if not self._terms.sources:
            return True
        source = sender(request, self._terms.proxies)
        return source is not None and any(source in network for network in self._terms.sources)
