"""Liveness, readiness and metrics, for operators and their monitoring."""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from gateway.core.auth.hosts import AllowedHosts
from gateway.core.model.errors import Forbidden
from gateway.http.wire.addresses import is_local
from gateway.http.wire.edge import Edge

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_PROVIDER_VALID, _LEDGER_VALID = 5.0, 1.0  # seconds that the result of a probe counts
_PROBE_SECONDS = 3.0


class Health:
    """Serves /healthz, /readyz and /metrics."""

    def __init__(
        self,
        edge: Edge,
        provider_reachable: Callable[[], Awaitable[bool]],
        ledger_writable: Callable[[], Awaitable[bool]],
        breaker_states: Callable[[], Mapping[str, str]],
        render_metrics: Callable[[], bytes],
        metrics_token: str | None,
        hosts: AllowedHosts,
    ) -> None:
        """`metrics_token` admits other machines than this one, and other names than `hosts`."""
        self._edge = edge
        self._provider = _Probe(provider_reachable, _PROVIDER_VALID)
        self._ledger = _Probe(ledger_writable, _LEDGER_VALID)
        self._breaker_states = breaker_states
        self._render_metrics = render_metrics
        self._metrics_token = metrics_token
        self._hosts = hosts

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
        """503 while it shuts down or lacks the ledger; without the provider prices still serve."""
        state = await self.state()
        ready = state["status"] in {"ready", "degraded"}
        return web.json_response(state, status=200 if ready else 503)

    async def state(self) -> dict[str, Any]:
        """Its status, and which of the parts it needs can be reached."""
        if self._edge.draining:
            return {"status": "draining"}
        reachable, writable = await asyncio.gather(self._provider.result(), self._ledger.result())
        return {
            "status": "unavailable" if not writable else "ready" if reachable else "degraded",
            "ledger": "available" if writable else "unavailable",
            "provider": "reachable" if reachable else "unreachable",
            "breakers": dict(self._breaker_states()),
        }

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        if not self._has_token(request):
            if not is_local(request):
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


class _Probe:
    """Asks at most once in some seconds: the path is public, and each probe costs a request."""

    def __init__(self, probe: Callable[[], Awaitable[bool]], valid: float) -> None:
        self._probe = probe
        self._valid = valid
        self._probing = asyncio.Lock()
        self._probed: tuple[float, bool] | None = None

    async def result(self) -> bool:
        """What the last probe found; False where it gets no answer in time."""
        async with self._probing:
            now = time.monotonic()
            if self._probed is None or now - self._probed[0] > self._valid:
                try:
                    async with asyncio.timeout(_PROBE_SECONDS):
                        found = await self._probe()
                except TimeoutError:
                    found = False
                self._probed = now, found
            return self._probed[1]
