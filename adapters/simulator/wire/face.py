"""The provider's HTTP face: who asks, may they, does it go wrong, what is answered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from adapters.simulator.provider.bodies import encode
from adapters.simulator.provider.config import Tier
from adapters.simulator.provider.journal import Received
from adapters.simulator.provider.provider import Provider
from adapters.simulator.provider.records import Account
from adapters.simulator.provider.refusals import No, Refusal
from adapters.simulator.wire.calls import CALLS, STUB_PATH, STUBS, Call
from adapters.simulator.wire.fields import Fields, as_fields, parse
from adapters.simulator.wire.replies import Misbehaviour, Reply, page, too_many

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read: `fields` are what the call works with, `sent` what really came."""

    call: Call
    key: str | None
    fields: Fields
    sent: object


class Face:
    """Answers the provider's calls. A request is carried out without a pause, or not at all."""

    def __init__(self, provider: Provider, misbehaviour: Misbehaviour) -> None:
        self._provider = provider
        self._misbehaviour = misbehaviour

    def routes(self) -> list[web.RouteDef]:
        """Every address of the provider, and a 404 for the rest. HEAD never acts."""
        return [
            *(_route(call, partial(self._api, call)) for call in CALLS),
            web.get(STUB_PATH, self._stub, allow_head=False),
            web.route("*", "/{anywhere:.*}", self._nowhere),
        ]

    async def _api(self, call: Call, request: web.Request) -> web.StreamResponse:
        sent = parse(await request.read())
        fields = {**as_fields(sent), **request.match_info}
        return await self._answer(request, Asked(call, request.headers.get("Auth"), fields, sent))

    async def _stub(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        key = query.pop("api_key", None)
        call = STUBS.get(query.get("action", ""))
        if call is None:
            refusal = Refusal.invalid("action")
            return Reply(refusal.status, encode({"errors": refusal.text})).response()
        fields = {**query, "id": query.get("rental_id")}
        return await self._answer(request, Asked(call, key, fields, query))

    async def _nowhere(self, request: web.Request) -> web.StreamResponse:
        self._note(request, "nowhere", None, None)
        return page(404, "404 Not Found").response()

    async def _answer(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        provider = self._provider
        provider.timeline.catch_up()
        name = asked.call.name
        key = asked.key if asked.key in provider.books.accounts else None
        arrived_at = self._note(request, name, key, asked.sent)
        limited = key is not None and provider.limiter.exceeded(key, name, arrived_at)
        work = partial(self._work, asked, limited)
        fault = provider.faults.take(name, key)
        if fault is None:
            return work().response()
        limits = provider.in_force.config.limits
        return await self._misbehaviour.act(request, fault, work, limits)

    def _work(self, asked: Asked, limited: bool) -> Reply:
        provider, call = self._provider, asked.call
        if limited:
            return too_many(provider.in_force.config.limits)
        try:
            body = call.do(provider, self._admitted(asked), asked.fields)
        except Refusal as refusal:
            refused = provider.shapes.refused(refusal.text, call.keys)
            return Reply(refusal.status, encode(refused))
        return Reply(call.success, body if isinstance(body, bytes) else encode(body))

    def _admitted(self, asked: Asked) -> Account:
        account = self._provider.books.account(asked.key)
        if asked.call.premium and account.config.tier is not Tier.PREMIUM:
            raise Refusal.of(No.NOT_PREMIUM)
        if self._provider.in_force.rules.maintenance:
            raise Refusal.of(No.MAINTENANCE)
        return account

    def _note(self, request: web.Request, call: str, key: str | None, sent: object) -> float:
        now = self._provider.timeline.now()
        self._provider.journal.note(Received(request.method, request.path, call, key, sent, now))
        return now


def _route(call: Call, handler: Handler) -> web.RouteDef:
    if call.method == "GET":
        return web.get(call.path, handler, allow_head=False)
    return web.post(call.path, handler)
