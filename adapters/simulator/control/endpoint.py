"""The control endpoint: a test in another process steers the simulator. It needs no key."""

from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from adapters.simulator.control import report, settings
from adapters.simulator.control.settings import Changes
from adapters.simulator.provider.config import AccountConfig
from adapters.simulator.provider.faults import Fault
from adapters.simulator.provider.provider import SimulatedProvider
from adapters.simulator.provider.quantities import FiniteSeconds, Whole
from adapters.simulator.provider.records import Rental
from adapters.simulator.wire.webhook import WebhookSender

Json = dict[str, Any]
Body = TypeVar("Body")


class Empty(BaseModel):
    """The body of an action without arguments: any JSON object, or nothing."""

    model_config = ConfigDict(strict=True)


class CodeToCome(Empty):
    """A code for one rental now, or for the next rental of a service that receives one."""

    code: str
    service: str | None = None
    rental_id: Whole | None = None


class TextToCome(Empty):
    """A message for a long rental now."""

    long_rental_id: Whole
    sender: str = "8888"
    text: str


class RentalToExpire(Empty):
    """A rental whose time is over now."""

    rental_id: Whole


class TimeToPass(Empty):
    """Seconds to move the simulator's clock forward."""

    advance: FiniteSeconds


class Control:
    """Scripts faults and codes, moves time, changes settings and shows the books."""

    def __init__(
        self, provider: SimulatedProvider, webhooks: WebhookSender, reset: Callable[[], None]
    ) -> None:
        self._provider = provider
        self._webhooks = webhooks
        self._reset = reset

    def routes(self) -> list[web.RouteDef]:
        """Every address under `/_control`."""
        return [
            self._route("GET", "books", Empty, self._books),
            self._route("GET", "settings", Empty, self._settings),
            self._route("POST", "settings", Changes, self._change_settings),
            self._route("POST", "accounts", AccountConfig, self._open_account),
            self._route("GET", "faults", Empty, self._faults),
            self._route("POST", "faults", Fault, self._script),
            self._route("DELETE", "faults", Empty, self._clear_faults),
            self._route("POST", "code", CodeToCome, self._receive_code),
            self._route("POST", "text", TextToCome, self._receive_text),
            self._route("POST", "expire", RentalToExpire, self._expire),
            self._route("POST", "time", TimeToPass, self._advance),
            self._route("POST", "reset", Empty, self._start_over),
        ]

    def _route(
        self, method: str, name: str, kind: type[Body], action: Callable[[Body], Json]
    ) -> web.RouteDef:
        reader = TypeAdapter(kind)

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            self._provider.timeline.catch_up()
            try:
                answer, status = action(reader.validate_json(body or b"{}")), 200
            except ValueError as error:
                answer, status = {"error": _reason(error)}, 400
            return web.json_response(answer, status=status)

        return web.route(method, f"/_control/{name}", handle)

    def _books(self, _: Empty) -> Json:
        return report.books(self._provider, self._webhooks.deliveries)

    def _settings(self, _: Empty) -> Json:
        return report.settings(self._provider)

    def _change_settings(self, changes: Changes) -> Json:
        settings.change(self._provider, changes)
        return report.settings(self._provider)

    def _open_account(self, config: AccountConfig) -> Json:
        return {config.key: report.account(self._provider.books.open_account(config))}

    def _faults(self, _: Empty) -> Json:
        return {"faults": report.settings(self._provider)["faults"]}

    def _script(self, fault: Fault) -> Json:
        self._provider.faults.add(fault)
        return self._faults(Empty())

    def _clear_faults(self, nothing: Empty) -> Json:
        self._provider.faults.clear()
        return self._faults(nothing)

    def _receive_code(self, wanted: CodeToCome) -> Json:
        if wanted.service is not None:
            self._provider.codes.script(wanted.service, wanted.code)
            return {"service": wanted.service, "code": wanted.code}
        rental, now = self._rental(wanted.rental_id), self._provider.timeline.now()
        received = self._provider.renting.receive(rental.id, wanted.code, now)
        if received is None:
            raise ValueError(f"rental {rental.id} is {rental.status.value}")
        return report.rental(received)

    def _receive_text(self, wanted: TextToCome) -> Json:
        if wanted.long_rental_id not in self._provider.books.long_rentals:
            raise ValueError(f"no long rental {wanted.long_rental_id}")
        now = self._provider.timeline.now()
        self._provider.long_renting.receive(wanted.long_rental_id, wanted.sender, wanted.text, now)
        return wanted.model_dump()

    def _expire(self, wanted: RentalToExpire) -> Json:
        rental = self._rental(wanted.rental_id)
        self._provider.renting.expire(rental.id, self._provider.timeline.now())
        return report.rental(self._rental(rental.id))

    def _advance(self, wanted: TimeToPass) -> Json:
        self._provider.timeline.push_forward(wanted.advance)
        self._provider.timeline.catch_up()
        return {"now": self._provider.timeline.now()}

    def _start_over(self, _: Empty) -> Json:
        self._reset()
        return {}

    def _rental(self, rental_id: int | None) -> Rental:
        rental = self._provider.books.rentals.get(rental_id) if rental_id is not None else None
        if rental is None:
            raise ValueError(f"no rental {rental_id}")
        return rental


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in faults)
