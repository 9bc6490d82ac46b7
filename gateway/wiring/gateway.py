"""The gateway: opens and closes the store, the provider's client and the core."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Protocol

from aiohttp import web

from adapters.forwarding import Forwarder
from adapters.getatext.client import Client
from adapters.getatext.outbound import Outbound
from adapters.getatext.probe import reachable
from adapters.getatext.webhook import read_webhook
from adapters.outgoing.sender import WebhookSender
from adapters.store import Store
from adapters.store.secret import check_secret
from adapters.store.urls import place_of, sqlite_path
from gateway.core.auth.authentication import Callers, KeyHasher
from gateway.core.auth.hosts import AllowedHosts
from gateway.core.auth.oauth.service import OAuth
from gateway.core.invocation.invoker import Invoker
from gateway.core.jobs.balance_watch import BalanceWatch
from gateway.core.jobs.housekeeping import Housekeeping
from gateway.core.jobs.webhook_forwarding import WebhookForwarding
from gateway.core.model.errors import GatewayError
from gateway.core.model.purchases import Spend
from gateway.core.model.rentals import Rental
from gateway.core.ports.clock import Clock
from gateway.core.ports.ledger import Ledger
from gateway.core.ports.storage import Keys
from gateway.http.dropins.common import DropInSettings
from gateway.http.serving.app import Faces, make_app
from gateway.http.serving.file_limit import Capacity, capacity
from gateway.http.webhook import WebhookTerms
from gateway.http.wire.edge import FACES
from gateway.settings import Settings
from gateway.settings.masking import masked_url
from gateway.telemetry.metrics import Metrics
from gateway.wiring.alarms import raising_alarms
from gateway.wiring.clock import SystemClock
from gateway.wiring.core import Core, build_core, revealed
from gateway.wiring.database import database_url, opened_store
from gateway.wiring.legacy_codes import service_codes
from gateway.wiring.mcp import add_mcp
from gateway.wiring.oauth import make_oauth
from gateway.wiring.secret import agreed_secret
from gateway.wiring.services import Basis


@dataclass(frozen=True, slots=True)
class Gateway:
    """The running parts of the gateway, for the faces and the command line."""

    settings: Settings
    metrics: Metrics
    provider: Client
    store: Store
    core: Core
    forwarding: WebhookForwarding
    balances: BalanceWatch | None
    oauth: OAuth

    @property
    def callers(self) -> Callers:
        """The authentication of callers."""
        return self.core.callers

    @property
    def invoker(self) -> Invoker:
        """The entry point of the core."""
        return self.core.invoker

    @property
    def hasher(self) -> KeyHasher:
        """The hasher of keys."""
        return self.core.hasher

    @property
    def ledger(self) -> Ledger:
        """The ledger of purchases."""
        return self.store.ledger

    @property
    def keys(self) -> Keys:
        """The store of the gateway's own keys."""
        return self.store.keys

    @property
    def surroundings(self) -> dict[str, object]:
        """What it runs with, for the first line of the log; no secret stands in it."""
        settings, url = self.settings, database_url(self.settings)
        path = sqlite_path(url)
        return {
            "version": version("getatext-gateway"),
            "faces": FACES,
            "database": place_of(url),
            "provider": masked_url(str(settings.getatext_base_url)).rstrip("/"),
            "pass_through": "on" if settings.pass_through else "off",
            **({} if path is None else {"data": str(path.parent)}),
        }

    async def suggestions(self, spend: Spend) -> list[Rental]:
        """The rentals a purchase of unknown outcome may have bought, by the price list."""
        services, account = self.core.services, self.callers.met(spend.account_id)
        prices = services.price_cache.known(spend.account_id)
        if account is not None:
            with suppress(GatewayError):
                upstream = self.core.upstreams.of(account)
                prices = await services.price_cache.current(upstream)
        return await services.repository.suggestions(spend, prices)

    def app(self, *, with_mcp: bool = True, most: Capacity | None = None) -> web.Application:
        """The aiohttp application with all HTTP faces; `most` they may hold open."""
        settings, core = self.settings, self.core
        public_url = str(settings.gateway_public_url or "").rstrip("/")
        hosts = AllowedHosts(public_url, settings.gateway_allowed_hosts)
        faces = Faces(
            callers=core.callers,
            key_watch=core.key_watch,
            invoker=core.invoker,
            events=self.store.events,
            notifier=core.notifier,
            webhooks=core.webhooks,
            webhook_terms=self._webhook_terms(),
            render_metrics=self.metrics.render,
            request_ended=self.metrics.request_ended,
            provider_reachable=partial(reachable, self.provider),
            ledger_writable=core.unwritten.probe,
            breaker_states=core.breakers.states,
            public_url=public_url,
            hosts=hosts,
            cors_origins=settings.gateway_cors_origins,
            metrics_token=revealed(settings.gateway_metrics_token),
            access_log=settings.gateway_access_log,
            drop_ins=DropInSettings(
                zone=settings.zone,
                codes=service_codes(settings),
                any_country=settings.gateway_any_country,
                harmless=frozenset(settings.gateway_harmless_parameters),
            ),
            capacity=most or capacity(),
        )
        app = make_app(faces)
        if with_mcp:
            add_mcp(app, settings, core, self.oauth, hosts)
        return app

    def _webhook_terms(self) -> WebhookTerms:
        return WebhookTerms(
            read=partial(read_webhook, zone=self.settings.zone),
            pass_on=self.forwarding.pass_on,
            sources=self.settings.getatext_webhook_sources,
            proxies=self.settings.gateway_trusted_proxies,
        )


@asynccontextmanager
async def open_gateway(
    settings: Settings, *, trust_secret: bool = False, follow: bool = True
) -> AsyncIterator[Gateway]:
    """Open the gateway; closes it at the end, purchases first, store last.

    `follow`: poll rentals to their end and carry wishes to cancel out, unless it is opened for one
    command. `trust_secret`: accept the secret for a database that has no check value to verify it.
    """
    check_secret(database_url(settings), revealed(settings.gateway_secret))
    async with (
        opened_store(settings) as store,
        _client(settings) as client,
    ):
        secret = await agreed_secret(settings, store, trust=trust_secret)
        clock = SystemClock()
        async with run_gateway(settings, secret, store, client, clock, follow=follow) as gateway:
            yield gateway


@asynccontextmanager
async def run_gateway(
    settings: Settings,
    secret: bytes,
    store: Store,
    client: Client,
    clock: Clock,
    *,
    follow: bool = True,
) -> AsyncIterator[Gateway]:
    """Run the gateway over an open store and an open client, which are left open."""
    metrics = Metrics(log_causes=follow)
    networks = settings.gateway_webhook_allowed_networks
    async with aclosing(Forwarder()) as forwarder, aclosing(WebhookSender(networks)) as sender:
        core = build_core(Basis(settings, store, clock, metrics), secret, client, sender)
        oauth = make_oauth(store, core.callers, core.hasher, clock)
        targets = [str(target) for target in settings.getatext_webhook_forward]
        forwarding = WebhookForwarding(targets, store.outbox, forwarder.send, clock, metrics)
        retention = timedelta(days=settings.gateway_retention_days)
        housekeeping = Housekeeping(
            store.ledger,
            clock,
            metrics,
            retention=retention,
            purged=core.services.repository.forget_all,
            more=[oauth.grants.purge],
        )
        async with raising_alarms(settings, store, core, clock, metrics, follow=follow) as balances:
            await housekeeping.recover()
            if follow:
                await housekeeping.count()
            async with _working(core, [housekeeping, forwarding], follow=follow):
                yield Gateway(settings, metrics, client, store, core, forwarding, balances, oauth)


class _Job(Protocol):
    async def run(self) -> None:
        """Work until cancelled."""


@asynccontextmanager
async def _working(core: Core, jobs: Sequence[_Job], *, follow: bool) -> AsyncIterator[None]:
    """Run what runs beside the requests, until the core is closed."""
    beside: list[_Job] = [core.dispatcher, core.lost_answers, core.key_watch]
    started = [*jobs, *beside] if follow else jobs
    background = [asyncio.create_task(job.run()) for job in started]
    if follow:
        core.following.start()
        core.cancels.start()
    try:
        yield
    finally:
        await core.close()
        for task in background:
            task.cancel()
        await asyncio.wait(background)


def _client(settings: Settings) -> Client:
    return Client(
        str(settings.getatext_base_url),
        out=Outbound.through(revealed(settings.getatext_proxy), settings.getatext_ca_file),
        connect_seconds=settings.getatext_connect_seconds,
        read_seconds=settings.getatext_read_seconds,
        spend_seconds=settings.getatext_spend_seconds,
    )
