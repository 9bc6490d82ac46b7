"""The simulated provider without a socket: a client that hands it the requests, or loses them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from adapters.getatext.endpoint import AnyEndpoint
from adapters.getatext.reply import Reply
from adapters.simulator import NEVER, AccountConfig, FaultKind, Limits, Rules, Service
from adapters.simulator import SimulatorConfig as Config
from adapters.simulator.provider.provider import SimulatedProvider
from adapters.simulator.provider.records import Account, Rental
from adapters.simulator.wire.calls import CALLS
from adapters.simulator.wire.face import ApiRequest, Face
from adapters.simulator.wire.fields import as_fields, parse
from adapters.simulator.wire.replies import FaultInjector
from gateway.core.model.errors import OutcomeUnknown
from gateway.core.model.provider_errors import UpstreamTimeout, UpstreamUnavailable
from gateway.core.ports.clock import Clock
from tests.model.gate import Gate
from tests.support.held_time import loop

_WAY = 0.05  # seconds to the provider, and back
_BY_ADDRESS = {(call.method, call.path): call for call in CALLS}
LOCKED = 15.0  # seconds in which nothing can be cancelled
REFUSES = "connection refused"


@dataclass(frozen=True, slots=True)
class Shown:
    """A code that the provider told a client in a status, and when."""

    rental_id: int
    code: str
    client: "HeldClient"
    at: float


@dataclass
class CancelCall:
    """A cancel that reached the provider, and when its success was told to the client, if so."""

    rental_id: int
    client: "HeldClient"
    at: float
    told_at: float | None = None


@dataclass
class Provider:
    """The provider of one sequence.

    `shown`: the codes it told; `cancels`: what it was asked; `under_way`: its calls.
    """

    sim: SimulatedProvider
    face: Face
    reachable: bool = True
    under_way: set[asyncio.Future[None]] = field(default_factory=set)
    shown: list[Shown] = field(default_factory=list)
    cancels: list[CancelCall] = field(default_factory=list)

    def catch_up(self) -> None:
        self.sim.timeline.catch_up()

    def receive(self, rental_id: int, code: str) -> None:
        """A code comes now."""
        self.catch_up()
        self.sim.renting.receive(rental_id, code, self.now())

    def now(self) -> float:
        return self.sim.timeline.now()


def make_provider(
    clock: Clock,
    keys: tuple[str, ...],
    services: tuple[Service, ...],
    *,
    refunds: bool,
    prices: Mapping[str, Decimal],
) -> Provider:
    """A provider whose codes come when they are sent; `refunds` what expires without one."""
    rules = Rules(
        code_after=NEVER,
        next_code_after=NEVER,
        cancel_locked=LOCKED,
        refund_expired=refunds,
        long_prices=prices,
    )
    return simulated(
        Config(
            accounts=tuple(AccountConfig(key) for key in keys),
            services=services,
            catalogue_size=1,
            rules=rules,
            limits=Limits(on=False),
            clock=lambda: clock.now().timestamp(),
        )
    )


def simulated(config: Config) -> Provider:
    """The provider of this configuration."""
    sim = SimulatedProvider(config, _unannounced)
    return Provider(sim, Face(sim, FaultInjector()))


def _unannounced(account: Account, rental: Rental) -> None:
    """Webhooks are a step of their own."""


class HeldClient:
    """In the place of a node's HTTP client: what it raises, that one raises."""

    def __init__(
        self, provider: Provider, gate: Gate, read_seconds: float, spend_seconds: float
    ) -> None:
        self._provider = provider
        self._gate = gate
        self._read_seconds = read_seconds
        self._spend_seconds = spend_seconds

    def when_connected(self, callback: Callable[[], None]) -> None:
        """Nobody waits for a connection here."""

    def when_failed(self, callback: Callable[[str, str], None]) -> None:
        """Why nothing is answered is of no interest here."""

    def distrust(self, key: str) -> None:
        """There are no connections."""

    async def send(
        self, endpoint: AnyEndpoint, key: str, body: bytes | None = None, about: int | None = None
    ) -> Reply:
        await self._gate.step()
        if not self._provider.reachable:
            raise UpstreamUnavailable()
        ended = asyncio.get_running_loop().create_future()
        self._provider.under_way.add(ended)
        cancel = None
        try:
            await asyncio.sleep(_WAY)
            if endpoint.name == "cancel-rental":
                cancel = self._note_cancel(body)
            reply = await self._answered(endpoint, key, body, about)
            await asyncio.sleep(_WAY)
        finally:
            ended.set_result(None)
            self._provider.under_way.discard(ended)
        await self._gate.step()
        self._note_shown(endpoint, body, reply)
        if cancel is not None and _field(reply, "status") == "cancelled":
            cancel.told_at = loop().time()
        return reply

    async def _answered(
        self, endpoint: AnyEndpoint, key: str, body: bytes | None, about: int | None
    ) -> Reply:
        call, sim = _BY_ADDRESS[endpoint.method, endpoint.path], self._provider.sim
        sent = parse(body or b"")
        fields = {**as_fields(sent)} if about is None else {**as_fields(sent), "id": str(about)}
        sim.timeline.catch_up()
        limited = sim.limiter.exceeded(key, call.name, self._provider.now())
        fault = sim.faults.take(call.name, key)
        request = ApiRequest(call, key, fields, sent)
        if fault is None or fault.does_work or fault.kind is FaultKind.CUT_JSON:
            done = self._provider.face.work(request, limited)
            if fault is None:
                return Reply(done.status, done.body)
            half = done.body[: len(done.body) // 2]
        match fault.kind:
            case FaultKind.STATUS:
                return Reply(fault.status, fault.body.encode() or b"<html>")
            case FaultKind.CUT_JSON:
                return Reply(done.status, half)
            case FaultKind.HANG:
                await self._silence(endpoint)
        if endpoint.spends:
            raise OutcomeUnknown()
        raise UpstreamUnavailable.of_change() if endpoint.changes else UpstreamUnavailable()

    async def _silence(self, endpoint: AnyEndpoint) -> None:
        await asyncio.sleep(self._spend_seconds if endpoint.spends else self._read_seconds)
        if not endpoint.spends:
            raise UpstreamTimeout.of_change() if endpoint.changes else UpstreamTimeout()

    def _note_shown(self, endpoint: AnyEndpoint, body: bytes | None, reply: Reply) -> None:
        if endpoint.name != "rental-status" or reply.status != 200:
            return
        answer = as_fields(parse(reply.body or b""))
        if isinstance(code := answer.get("code"), str) and isinstance(id := answer["id"], int):
            self._provider.shown.append(Shown(id, code, self, loop().time()))

    def _note_cancel(self, body: bytes | None) -> CancelCall | None:
        id = as_fields(parse(body or b"")).get("id")
        if not isinstance(id, int):
            return None
        self._provider.cancels.append(CancelCall(id, self, loop().time()))
        return self._provider.cancels[-1]

    def died(self) -> None:
        """What it was told at the moment of its death may not have been written down."""
        shown, at = self._provider.shown, self._gate.died.result()
        shown[:] = [one for one in shown if one.client is not self or one.at < at]
        for cancel in self._provider.cancels:
            if cancel.client is self and (cancel.told_at or 0.0) >= at:
                cancel.told_at = None


def _field(reply: Reply, name: str) -> object:
    """What an answer says, None where that cannot be read."""
    return as_fields(parse(reply.body or b"")).get(name)
