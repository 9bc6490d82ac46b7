"""What operators and their machines ask: whether it lives, whether it is ready, what it counts."""

import asyncio
import hmac
import ipaddress
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from gateway.core.model.errors import Forbidden
from gateway.http.wire.edge import Edge

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_LOOK_AGAIN_AFTER = 5.0


class Health:
    """/healthz, /readyz and /metrics."""

    def __init__(
        self,
        edge: Edge,
        provider_reachable: Callable[[], Awaitable[bool]],
        breaker_states: Callable[[], Mapping[str, str]],
        render_metrics: Callable[[], bytes],
        metrics_token: str | None,
    ) -> None:
        """`metrics_token` opens the metrics to other machines than this one."""
        self._edge = edge
        self._provider_reachable = provider_reachable
        self._breaker_states = breaker_states
        self._render_metrics = render_metrics
        self._metrics_token = metrics_token
        self._looking = asyncio.Lock()
        self._looked: tuple[float, bool] | None = None

    def routes(self) -> list[web.RouteDef]:
        """The three addresses."""
        return [
            web.get("/healthz", self._alive),
            web.get("/readyz", self._ready),
            web.get("/metrics", self._metrics),
        ]

    async def _alive(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok"})

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        """503 only while shutting down: without the provider, kept prices still serve."""
        if self._edge.draining:
            return web.json_response({"status": "draining"}, status=503)
        reachable = await self._reachable()
        return web.json_response(
            {
                "status": "ready" if reachable else "degraded",
                "provider": "reachable" if reachable else "unreachable",
                "breakers": dict(self._breaker_states()),
            }
        )

    async def _reachable(self) -> bool:
        async with self._looking:  # anybody may ask, but one look at a time is enough
            now = time.monotonic()
            if self._looked is None or now - self._looked[0] > _LOOK_AGAIN_AFTER:
                self._looked = now, await self._provider_reachable()
            return self._looked[1]

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        if not (_is_local(request) or self._has_token(request)):
            raise Forbidden(
                "Metrics are for this machine, or for a bearer of GATEWAY_METRICS_TOKEN."
            )
        return web.Response(body=self._render_metrics(), headers={"Content-Type": _TEXT})

    def _has_token(self, request: web.Request) -> bool:
        if self._metrics_token is None:
            return False
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        # Header bytes that are no UTF-8 come as surrogates, which plain UTF-8 cannot carry.
        return hmac.compare_digest(
            given.encode(errors="surrogateescape"), self._metrics_token.encode()
        )


def _is_local(request: web.Request) -> bool:
    """From this machine itself, and not passed on by a proxy that runs on it."""
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP")):
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
