"""The provider's HTTP APIs: authentication, rate limits, scripted faults, answers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from adapters.simulator.provider.bodies import encode
from adapters.simulator.provider.config import Tier
from adapters.simulator.provider.journal import Received
from adapters.simulator.provider.provider import SimulatedProvider
from adapters.simulator.provider.records import Account
from adapters.simulator.provider.refusals import Reason, Refusal
from adapters.simulator.wire.calls import CALLS, STUB_PATH, STUBS, ProviderCall
from adapters.simulator.wire.fields import Fields, as_fields, parse
from adapters.simulator.wire.replies import FaultInjector, OutgoingReply, page, too_many

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A parsed request: `fields` are the arguments, `sent` the JSON or query as received."""

    call: ProviderCall
    key: str | None
    fields: Fields
    sent: object


class Face:
    """Answers the provider's calls. Each is carried out without an await in between: atomically."""

    def __init__(self, provider: SimulatedProvider, injector: FaultInjector) -> None:
        self._provider = provider
        self._injector = injector

    def routes(self) -> list[web.RouteDef]:
        """The routes of all calls, and a 404 for any other path. HEAD is no GET here."""
        return [
            *(_route(call, partial(self._api, call)) for call in CALLS),
            web.get(STUB_PATH, self._stub, allow_head=False),
            web.route("*", "/{anywhere:.*}", self._unknown_address),
        ]

    async def _api(self, call: ProviderCall, request: web.Request) -> web.StreamResponse:
        sent = parse(await request.read())
        fields = {**as_fields(sent), **request.match_info}
        return await self._answer(
            request, ApiRequest(call, request.headers.get("Auth"), fields, sent)
        )

    async def _stub(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        key = query.pop("api_key", None)
        call = STUBS.get(query.get("action", ""))
        if call is None:
            refusal = Refusal.invalid("action")
            return OutgoingReply(refusal.status, encode({"errors": refusal.text})).response()
        fields = {**query, "id": query.get("rental_id")}
        return await self._answer(request, ApiRequest(call, key, fields, query))

    async def _unknown_address(self, request: web.Request) -> web.StreamResponse:
        self._log(request, "nowhere", None, None)
        return page(404, "404 Not Found").response()

    async def _answer(self, request: web.Request, parsed: ApiRequest) -> web.StreamResponse:
        provider = self._provider
        provider.timeline.catch_up()
        name = parsed.call.name
        key = parsed.key if parsed.key in provider.books.accounts else None
        arrived_at = self._log(request, name, key, parsed.sent)
        limited = key is not None and provider.limiter.exceeded(key, name, arrived_at)
        work = partial(self.work, parsed, limited)
        fault = provider.faults.take(name, key)
        if fault is None:
            return work().response()
        limits = provider.live.config.limits
        return await self._injector.apply(request, fault, work, limits)

    def work(self, parsed: ApiRequest, limited: bool) -> OutgoingReply:
        """Carries out a request, unless it is over a rate limit; the answer to it."""
        provider, call = self._provider, parsed.call
        if limited:
            return too_many(provider.live.config.limits)
        try:
            body = call.do(provider, self._admitted(parsed), parsed.fields)
        except Refusal as refusal:
            refused = provider.bodies.refused(refusal.text, call.keys)
            return OutgoingReply(refusal.status, encode(refused))
        return OutgoingReply(call.success, body if isinstance(body, bytes) else encode(body))

    def _admitted(self, parsed: ApiRequest) -> Account:
        account = self._provider.books.account(parsed.key)
        if parsed.call.premium and account.config.tier is not Tier.PREMIUM:
            raise Refusal.of(Reason.NOT_PREMIUM)
        if self._provider.live.rules.maintenance:
            raise Refusal.of(Reason.MAINTENANCE)
        return account

    def _log(self, request: web.Request, call: str, key: str | None, sent: object) -> float:
        now = self._provider.timeline.now()
        self._provider.journal.note(Received(request.method, request.path, call, key, sent, now))
        return now


def _route(call: ProviderCall, handler: Handler) -> web.RouteDef:
    if call.method == "GET":
        return web.get(call.path, handler, allow_head=False)
    return web.post(call.path, handler)
