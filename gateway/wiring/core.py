"""Builds the core over an open store and an open client."""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import SecretStr

from adapters.getatext.client import Client
from adapters.getatext.provider import accounts
from adapters.sandbox.lost_answers import LostAnswers
from adapters.store import Store
from gateway.core.auth.authentication import Callers, KeyHasher
from gateway.core.auth.key_watch import KeyWatch
from gateway.core.auth.verification import AskProvider, KeyVerification
from gateway.core.auth.webhook_secrets import WebhookSecrets
from gateway.core.codes.following import Following
from gateway.core.codes.provider_webhooks import ProviderWebhooks
from gateway.core.invocation.invoker import Invoker
from gateway.core.jobs.cancel_task import CancelTask
from gateway.core.model.account import Balance, Nothing
from gateway.core.model.callers import Account
from gateway.core.operations.catalog import CALLS
from gateway.core.operations.context import Services
from gateway.core.ports.clock import Clock
from gateway.core.ports.provider import Connect
from gateway.core.ports.sending import Sender
from gateway.core.purchases.purchasing import Purchasing
from gateway.core.rentals.notifier import Notifier
from gateway.core.rentals.reconciliation_task import ReconciliationTask
from gateway.core.rentals.unwritten import Unwritten
from gateway.core.upstream.account import AccountUpstream, AccountUpstreams
from gateway.core.upstream.calls import KEY_CHECK, UNVERIFIED
from gateway.core.upstream.circuit_breaker import CircuitBreakers
from gateway.core.upstream.pipeline import Pipeline
from gateway.core.upstream.rate_limiter import RateLimiter, RateLimits
from gateway.core.webhooks.dispatcher import WebhookDispatcher
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics
from gateway.wiring import background
from gateway.wiring.sandbox import SandboxParts, lost_answers, make_sandbox
from gateway.wiring.services import Basis, make_price_cache, make_services
from gateway.wiring.stages import stages
from gateway.wiring.webhooks import dispatcher, outgoing


@dataclass(frozen=True, slots=True)
class Core:
    """The objects between the faces and the adapters."""

    hasher: KeyHasher
    callers: Callers
    key_watch: KeyWatch
    verification: KeyVerification
    limiter: RateLimiter
    sandbox: SandboxParts
    lost_answers: LostAnswers
    breakers: CircuitBreakers
    notifier: Notifier
    upstreams: AccountUpstreams
    services: Services
    invoker: Invoker
    webhooks: ProviderWebhooks
    dispatcher: WebhookDispatcher
    reconciliation: ReconciliationTask
    following: Following
    cancels: CancelTask
    unwritten: Unwritten

    async def close(self) -> None:
        """Wake all waiters, let changes and purchases end, then cancel background work."""
        self.notifier.shut_down()
        await self.following.close()
        await self.cancels.close()
        await self.verification.close()
        await self.invoker.close()
        await self.services.cancelling.calls.close()
        await self.webhooks.close()
        await self.services.poller.close()
        await self.reconciliation.close()
        await self.services.price_cache.close()
        await self.limiter.close()
        await self.sandbox.limiter.close()
        await self.unwritten.close()


def build_core(basis: Basis, secret: bytes, client: Client, sender: Sender) -> Core:
    """Build the objects shared by all callers. `secret`: the database's; `sender`: to webhooks."""
    settings, store, clock, metrics = basis.settings, basis.store, basis.clock, basis.metrics
    hasher, notifier, calls = KeyHasher(secret), Notifier(), _calls(basis, client)
    upstreams = calls.upstreams
    verification = KeyVerification(store.accounts, calls.ask, clock)
    callers = _callers(settings, hasher, store, clock, verification)
    watch = KeyWatch(callers, store.keys, clock, metrics)
    unwritten = _unwritten(store, clock, metrics)
    price_cache = make_price_cache(settings, clock, metrics)
    sent = outgoing(basis, WebhookSecrets(secret), sender, price_cache)
    services = make_services(
        basis, hasher, callers, unwritten, notifier, price_cache, sent.management
    )
    of_account = background.upstream_of(callers, upstreams)
    following, cancels, reconciliation = background.work(
        settings, store, callers, of_account, services, metrics
    )
    purchasing = Purchasing(stages(settings, store, unwritten, callers, clock, metrics))
    return Core(
        hasher=hasher,
        callers=callers,
        key_watch=watch,
        verification=verification,
        limiter=calls.limiter,
        sandbox=calls.sandbox,
        lost_answers=lost_answers(store, services.repository, clock, metrics),
        breakers=calls.breakers,
        notifier=notifier,
        upstreams=upstreams,
        services=services,
        invoker=Invoker(upstreams, services, purchasing, metrics, watch),
        webhooks=_webhooks(settings, hasher, callers, upstreams, services),
        dispatcher=dispatcher(basis, sent, services, of_account, notifier),
        reconciliation=reconciliation,
        following=following,
        cancels=cancels,
        unwritten=unwritten,
    )


class _Calls(NamedTuple):
    """What makes calls to the provider; `ask` is for keys that it has not accepted yet."""

    limiter: RateLimiter
    breakers: CircuitBreakers
    sandbox: SandboxParts
    upstreams: AccountUpstreams
    ask: AskProvider


def _calls(basis: Basis, client: Client) -> _Calls:
    settings, store, clock, metrics = basis.settings, basis.store, basis.clock, basis.metrics
    breakers = CircuitBreakers(clock, CALLS, observer=metrics)
    limiter = _limiter(settings, store, clock, metrics)
    pipeline = Pipeline(clock, asyncio.sleep, limiter, breakers, observer=metrics)
    connect = _connect(settings, client, pipeline, clock, metrics)
    sandbox = make_sandbox(store, clock)
    upstreams = AccountUpstreams(connect, pipeline, sandbox.upstream)
    return _Calls(limiter, breakers, sandbox, upstreams, _asking(connect, pipeline))


def _unwritten(store: Store, clock: Clock, metrics: Metrics) -> Unwritten:
    unwritten = Unwritten(store.ledger, clock, metrics)
    store.failures.to = unwritten.lost
    store.news.to = metrics.ledger_written
    return unwritten


def revealed(secret: SecretStr | None) -> str | None:
    """The plain text of a secret."""
    return secret.get_secret_value() if secret else None


def _limiter(settings: Settings, store: Store, clock: Clock, metrics: Metrics) -> RateLimiter:
    limits = RateLimits(
        per_second=settings.rates, margin_seconds=settings.getatext_rate_margin_seconds
    )
    return RateLimiter(
        clock,
        asyncio.get_running_loop(),
        limits,
        observer=metrics,
        shared=store.shared_buckets,
    )


def _callers(
    settings: Settings,
    hasher: KeyHasher,
    store: Store,
    clock: Clock,
    verification: KeyVerification,
) -> Callers:
    return Callers(
        hasher,
        store.keys,
        clock,
        verification,
        own_key=revealed(settings.getatext_api_key),
        pass_through=settings.pass_through,
    )


def _asking(connect: Connect, pipeline: Pipeline) -> AskProvider:
    """Reads a balance past the accounts' upstreams: an unverified key leaves nothing behind."""

    async def ask(account: Account) -> Balance:
        upstream = AccountUpstream(UNVERIFIED, connect(account.key), pipeline)
        return await upstream.ask(KEY_CHECK, Nothing())

    return ask


def _webhooks(
    settings: Settings,
    hasher: KeyHasher,
    callers: Callers,
    upstreams: AccountUpstreams,
    services: Services,
) -> ProviderWebhooks:
    return ProviderWebhooks(
        hasher,
        callers,
        upstreams,
        services.poller,
        services.waiter,
        services.clock,
        own_secret=revealed(settings.getatext_webhook_secret),
    )


def _connect(
    settings: Settings, client: Client, pipeline: Pipeline, clock: Clock, metrics: Metrics
) -> Connect:
    client.when_connected(pipeline.going_out)
    client.when_failed(metrics.provider_unreached)
    return accounts(
        client,
        now=clock.now,
        zone=settings.zone,
        premium=settings.getatext_tier == "premium",
        observer=metrics,
    )
