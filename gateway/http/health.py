"""Liveness, readiness and metrics, for operators and their monitoring."""

import asyncio
import hmac
import ipaddress
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from gateway.core.auth.hosts import AllowedHosts
from gateway.core.model.errors import Forbidden
from gateway.http.wire.edge import Edge

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_PROBE_VALID = 5.0  # seconds


class Health:
    """Serves /healthz, /readyz and /metrics."""

    def __init__(
        self,
        edge: Edge,
        provider_reachable: Callable[[], Awaitable[bool]],
        breaker_states: Callable[[], Mapping[str, str]],
        render_metrics: Callable[[], bytes],
        metrics_token: str | None,
        hosts: AllowedHosts,
    ) -> None:
        """`metrics_token` admits other machines than this one, and other names than `hosts`."""
        self._edge = edge
        self._provider_reachable = provider_reachable
        self._breaker_states = breaker_states
        self._render_metrics = render_metrics
        self._metrics_token = metrics_token
        self._hosts = hosts
        self._probing = asyncio.Lock()
        self._probed: tuple[float, bool] | None = None

    def routes(self) -> list[web.RouteDef]:
        """One route each."""
        return [
            web.get("/healthz", self._alive),
            web.get("/readyz", self._ready),
            web.get("/metrics", self._metrics),
        ]

    async def _alive(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"status": "ok"})

    async def _ready(self, request: web.Request) -> web.StreamResponse:
        """503 only while shutting down: without the provider, cached prices still serve."""
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
        async with (
            self._probing
        ):  # single flight: the path is public, and each probe is a request to the provider
            now = time.monotonic()
            if self._probed is None or now - self._probed[0] > _PROBE_VALID:
                self._probed = now, await self._provider_reachable()
            return self._probed[1]

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        if not self._has_token(request):
            if not _is_local(request):
                raise Forbidden(
                    "Metrics are for this machine, or for a bearer of GATEWAY_METRICS_TOKEN."
                )
            # A page in a browser on this machine comes from here too, under its own host name.
            self._hosts.check(request.headers.get("Host"))
        return web.Response(body=self._render_metrics(), headers={"Content-Type": _TEXT})

    def _has_token(self, request: web.Request) -> bool:
        if self._metrics_token is None:
            return False
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        # aiohttp gives header bytes that are not UTF-8 as surrogates.
        return hmac.compare_digest(
            given.encode(errors="surrogateescape"), self._metrics_token.encode()
        )


def _is_local(request: web.Request) -> bool:
    """Whether this machine itself sent the request, and no proxy on it forwarded it."""
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP")):
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
