"""The control endpoint: the hand that is above the provider. JSON in, JSON out, no key."""

import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from adapters.simulator.control import fields as told
from adapters.simulator.control import report, settings
from adapters.simulator.provider.config import AccountConfig
from adapters.simulator.provider.provider import Provider
from adapters.simulator.provider.records import Rental
from adapters.simulator.wire.webhook import Webhooks

Told = Mapping[str, object]
Answer = dict[str, object]


class Control:
    """Scripts faults and codes, moves time, changes settings, shows the books."""

    def __init__(self, provider: Provider, webhooks: Webhooks, reset: Callable[[], None]) -> None:
        self._provider = provider
        self._webhooks = webhooks
        self._reset = reset

    def routes(self) -> list[web.RouteDef]:
        """Every address under `/_control`."""
        actions: list[tuple[str, str, Callable[[Told], Answer]]] = [
            ("GET", "books", self._books),
            ("GET", "settings", self._settings),
            ("POST", "settings", self._change_settings),
            ("POST", "accounts", self._open_account),
            ("GET", "faults", self._faults),
            ("POST", "faults", self._script),
            ("DELETE", "faults", self._clear_faults),
            ("POST", "code", self._code),
            ("POST", "text", self._text),
            ("POST", "expire", self._expire),
            ("POST", "time", self._advance),
            ("POST", "reset", self._start_over),
        ]
        return [
            web.route(method, f"/_control/{name}", self._handler(action))
            for method, name, action in actions
        ]

    def _handler(
        self, action: Callable[[Told], Answer]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            self._provider.timeline.catch_up()
            try:
                answer, status = action(told.mapping(json.loads(body or b"{}"))), 200
            except (ValueError, LookupError) as error:
                answer, status = {"error": str(error)}, 400
            return web.json_response(answer, status=status)

        return handle

    def _books(self, _: Told) -> Answer:
        return report.books(self._provider, self._webhooks.deliveries)

    def _settings(self, _: Told) -> Answer:
        return report.settings(self._provider)

    def _change_settings(self, changes: Told) -> Answer:
        settings.change(self._provider, changes)
        return report.settings(self._provider)

    def _open_account(self, wanted: Told) -> Answer:
        config = told.read_account(AccountConfig(), wanted)
        return {config.key: report.account(self._provider.books.open_account(config))}

    def _faults(self, _: Told) -> Answer:
        return {"faults": report.settings(self._provider)["faults"]}

    def _script(self, fault: Told) -> Answer:
        self._provider.faults.add(told.read_fault(fault))
        return self._faults({})

    def _clear_faults(self, _: Told) -> Answer:
        self._provider.faults.clear()
        return self._faults({})

    def _code(self, wanted: Told) -> Answer:
        """For a rental: now. For a service: the next to come, of any of its rentals."""
        code = told.words(wanted["code"])
        if "service" in wanted:
            self._provider.codes.script(told.words(wanted["service"]), code)
            return {"service": wanted["service"], "code": code}
        rental = self._rental(wanted)
        received = self._provider.renting.receive(rental.id, code, self._provider.timeline.now())
        if received is None:
            raise ValueError(f"rental {rental.id} is {rental.status.value}")
        return report.rental(received)

    def _text(self, wanted: Told) -> Answer:
        rental_id = told.whole(wanted["long_rental_id"])
        if rental_id not in self._provider.books.long_rentals:
            raise ValueError(f"no long rental {rental_id}")
        sender, text = told.words(wanted.get("sender", "8888")), told.words(wanted["text"])
        now = self._provider.timeline.now()
        self._provider.long_renting.receive(rental_id, sender, text, now)
        return {"long_rental_id": rental_id, "sender": sender, "text": text}

    def _expire(self, wanted: Told) -> Answer:
        rental = self._rental(wanted)
        self._provider.renting.expire(rental.id, self._provider.timeline.now())
        return report.rental(self._provider.books.rentals[rental.id])

    def _advance(self, wanted: Told) -> Answer:
        self._provider.timeline.push_forward(told.some_seconds(wanted["advance"]))
        self._provider.timeline.catch_up()
        return {"now": self._provider.timeline.now()}

    def _start_over(self, _: Told) -> Answer:
        self._reset()
        return {}

    def _rental(self, wanted: Told) -> Rental:
        rental_id = told.whole(wanted["rental_id"])
        if rental_id not in self._provider.books.rentals:
            raise ValueError(f"no rental {rental_id}")
        return self._provider.books.rentals[rental_id]
