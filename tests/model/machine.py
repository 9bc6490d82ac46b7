"""The state machine: what callers, operators, the provider, the network and the machines do."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from gateway.core.model.errors import GatewayError
from gateway.core.model.provider_errors import RentalEnded
from gateway.core.operations import codes, long_rentals, rentals
from gateway.core.operations.call import Answer
from gateway.core.operations.operation import AnyOperation
from gateway.core.operations.replacement import REPLACE_RENTAL
from tests.model.playing import FAULTS, WHO, Playing, Trouble, owner
from tests.model.provider import LOCKED

P = ParamSpec("P")
T = TypeVar("T")

no_trouble: st.SearchStrategy[Trouble] = st.none()
trouble = st.one_of(no_trouble, no_trouble, st.sampled_from(list(FAULTS)), st.integers(0, 14))
whose = st.sampled_from(list(WHO))
which = st.integers(0, 5)  # of the rentals, from the newest on
nodes = st.integers(0, 1)
request_ids = st.none() | st.sampled_from(["first", "second"])
texts = st.sampled_from(["000042", "731905", "31905"])
times = st.sampled_from([1.0, 5.0, 20.0, 61.0, 130.0, 250.0, 400.0])


class Webhook(NamedTuple):
    """A webhook of the provider as it is read."""

    rental_id: int
    code: str
    received_at: datetime | None = None


def step(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, None]:
    """A step of the machine, run in its held time."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        machine = args[0]
        assert isinstance(machine, Gatewaying)
        machine.play(work(*args, **kwargs))

    return run


class Gatewaying(Playing):
    """The steps. Hypothesis leaves out some of them in each sequence."""

    @initialize(refunds=st.booleans(), who=whose, gives_back=st.booleans())
    @step
    async def begin(self, refunds: bool, who: str, gives_back: bool = False) -> None:
        """With a rental, which most steps need."""
        self.world = await self.place.begin(refunds=refunds, gives_back=gives_back)
        await self.buy(who, 0, rentals.RENT_NUMBER, _wish(who, several=True), None, None)

    @rule(who=whose, node=nodes, several=st.booleans(), request_id=request_ids, trouble=trouble)
    @step
    async def rent(
        self, who: str, node: int, several: bool, request_id: str | None, trouble: Trouble
    ) -> None:
        given = _wish(who, several=several)
        await self.buy(who, node, rentals.RENT_NUMBER, given, request_id, trouble)

    @rule(who=whose, several=st.booleans(), times=st.integers(2, 4), same=st.booleans())
    @step
    async def rent_at_once(self, who: str, several: bool, times: int, same: bool) -> None:
        """On all nodes in turn; `same`: it is one request."""
        before, asked = self.bought(who), self.at.nodes
        more = {"request_id": "at once"} if same else {}
        wish, given = rentals.RENT_NUMBER, _wish(who, several=several)
        answers = await asyncio.gather(
            *(
                self.at.answer(asked[n % len(asked)], WHO[who], wish, given, **more)
                for n in range(times)
            )
        )
        told = sum(isinstance(answer, Answer) for answer in answers)
        bought = self.bought(who) - before
        assert bought <= 1 if same else bought == told, f"{told} told, {bought} bought"
        for answer in answers:
            if same:
                self.check_told(who, "at once", answer)
        self.check_budget()

    @rule(one=which, node=nodes, request_id=request_ids, trouble=trouble)
    @step
    async def rent_again(
        self, one: int, node: int, request_id: str | None, trouble: Trouble
    ) -> None:
        if (rental := self.pick(one)) is not None:
            who, given = owner(rental).name, {"rental_id": rental.id}
            await self.buy(who, node, rentals.RENT_AGAIN, given, request_id, trouble)

    @rule(who=whose, node=nodes, request_id=request_ids, trouble=trouble)
    @step
    async def rent_long(
        self, who: str, node: int, request_id: str | None, trouble: Trouble
    ) -> None:
        given = {"period": WHO[who].period}
        await self.buy(who, node, long_rentals.CREATE_LONG_RENTAL, given, request_id, trouble)

    @rule(one=which, node=nodes, request_id=request_ids, trouble=trouble)
    @step
    async def renew(self, one: int, node: int, request_id: str | None, trouble: Trouble) -> None:
        if (rental := self.pick_long(one)) is not None:
            who, given = owner(rental).name, {"long_rental_id": rental.id}
            await self.buy(who, node, long_rentals.RENEW_LONG_RENTAL, given, request_id, trouble)

    @rule(one=which, node=nodes, pause=st.sampled_from([0.0, LOCKED, 400.0]), trouble=trouble)
    @step
    async def cancel(self, one: int, node: int, pause: float, trouble: Trouble) -> None:
        """Too early for a new rental, in time, or late; also again."""
        await self.at.pass_by(pause)
        if (rental := self.pick(one)) is not None:
            self.at.asked.add(rental.id)
        answer = await self.about(one, node, rentals.CANCEL_RENTAL, trouble)
        if (rental := self.pick(one)) is not None and isinstance(answer, RentalEnded):
            assert rental.status.value != "cancelled", "a cancel was repeated, and refused"

    @rule(trouble=st.sampled_from(list(FAULTS)), times=st.integers(1, 3))
    @step
    async def cancels_go_wrong(self, trouble: str, times: int) -> None:
        """Those that the gateway sends by itself."""
        with self.at.hindering():
            for _ in range(times):
                self.add_fault(trouble, "cancel-rental")
            await self.at.pass_by(61.0)
            self.at.provider.sim.faults.clear()

    @rule(one=which, node=nodes, request_id=request_ids, trouble=trouble)
    @step
    async def replace(self, one: int, node: int, request_id: str | None, trouble: Trouble) -> None:
        if (rental := self.pick(one)) is None:
            return
        who, given, shown = owner(rental).name, {"rental_id": rental.id}, self.has_shown(rental.id)
        before = self.bought(who)
        answer = await self.buy(who, node, REPLACE_RENTAL, given, request_id, trouble)
        assert not shown or self.bought(who) == before, "replaced a number whose code was known"
        self.check_replaced(rental.id, answer)

    @rule(one=which, times=st.integers(2, 4), pause=st.sampled_from([0.0, 61.0]))
    @step
    async def replace_at_once(self, one: int, times: int, pause: float) -> None:
        """On all nodes in turn."""
        await self.at.pass_by(pause)
        if (rental := self.pick(one)) is None:
            return
        who, given, asked = owner(rental), {"rental_id": rental.id}, self.at.nodes
        before = self.bought(who.name)
        answers = await asyncio.gather(
            *(
                self.at.answer(asked[n % len(asked)], who, REPLACE_RENTAL, given)
                for n in range(times)
            )
        )
        bought = self.bought(who.name) - before
        assert bought == sum(isinstance(answer, Answer) for answer in answers) <= 1
        for answer in answers:
            self.check_replaced(rental.id, answer)
        self.check_budget()

    @rule(one=which, node=nodes, trouble=trouble)
    @step
    async def complete(self, one: int, node: int, trouble: Trouble) -> None:
        answer = await self.about(one, node, rentals.COMPLETE_RENTAL, trouble)
        if (rental := self.pick(one)) is not None and isinstance(answer, RentalEnded):
            assert rental.status.value != "completed", "a completion was repeated, and refused"

    @rule(one=which, node=nodes, trouble=trouble)
    @step
    async def read(self, one: int, node: int, trouble: Trouble) -> None:
        await self.about(one, node, rentals.GET_RENTAL, trouble)

    @rule(one=which, node=nodes, trouble=trouble)
    @step
    async def wait(self, one: int, node: int, trouble: Trouble) -> None:
        await self.about(one, node, codes.WAIT_FOR_CODE, trouble)

    @rule(who=whose, node=nodes, long=st.booleans(), trouble=trouble)
    @step
    async def list_all(self, who: str, node: int, long: bool, trouble: Trouble) -> None:
        op: AnyOperation = long_rentals.LIST_LONG_RENTALS if long else rentals.LIST_RENTALS
        await self.ask(who, node, op, {}, trouble)

    @rule(one=which, text=texts, another=st.none() | texts, pause=times, hook=st.none() | nodes)
    @step
    async def a_code_comes(
        self, one: int, text: str, another: str | None, pause: float, hook: int | None
    ) -> None:
        """And another after a while, where the service sends several.

        `hook`: the node that a webhook tells the first.
        """
        if (rental := self.pick_active(one)) is None:
            return
        several = rental.service == owner(rental).several
        if several or not rental.codes:
            self.at.provider.receive(rental.id, text)
            if hook is not None:
                await self.tell(rental.id, text, hook)
        if several and another is not None:
            await self.at.pass_by(pause)
            self.at.provider.receive(rental.id, another)

    async def tell(self, id: int, code: str, node: int) -> None:
        """A webhook comes, without the leading zeros of the code."""
        heard, hook = self.node(node), Webhook(id, code.lstrip("0"))
        key = owner(self.books.rentals[id]).key
        caller = await heard.run(heard.gateway.callers.identify(key))
        await heard.run(heard.gateway.core.webhooks.received(caller.account.id, hook))
        self.at.announced.setdefault(id, set()).add(hook.code)

    @rule(cents=st.integers(1, 400))
    @step
    async def something_comes_back_of_a_long_rental(self, cents: int) -> None:
        """Only a person knows, who writes it down."""
        ledger, now, who = self.at.nodes[0].gateway.ledger, self.at.clock.now(), "free"
        for spend in await ledger.spends(1_000):
            mine = spend.operation == long_rentals.CREATE_LONG_RENTAL.name
            if mine and spend.caller_id.endswith(who) and spend.charged is not None:
                back, fits = Decimal(cents).scaleb(-2), spend.refunded == 0
                written = await ledger.record_refund(spend.ledger_id, back, now)
                assert written == (fits and back <= spend.charged)
                if written:
                    self.at.given_back[who] = self.at.given_back.get(who, Decimal(0)) + back
                break

    @rule(seconds=times)
    @step
    async def time_passes(self, seconds: float) -> None:
        await self.at.pass_by(seconds)

    @rule(hours=st.sampled_from([1, 5, 30]))
    @step
    async def hours_pass(self, hours: int) -> None:
        await self.at.leap(hours * 3600.0)

    @rule(node=nodes, killed=st.booleans())
    @step
    async def a_node_restarts(self, node: int, killed: bool) -> None:
        with self.at.hindering():
            await self.node(node).restart(killed=killed)

    @rule(node=nodes, effects=st.integers(0, 30))
    @step
    async def a_node_dies_by_itself(self, node: int, effects: int) -> None:
        """Over what it does for nobody."""
        with self.at.hindering():
            self.node(node).gate.fuse = effects
            await self.at.pass_by(61.0)
            self.node(node).gate.fuse = None
            await self.at.revive()

    @rule(seconds=st.sampled_from([5.0, 40.0, 400.0]), stays=st.sampled_from([False, False, True]))
    @step
    async def the_provider_is_away(self, seconds: float, stays: bool) -> None:
        self.at.reach(False)
        await self.at.pass_by(seconds)
        self.at.reach(not stays)

    @precondition(lambda self: self.world is not None and not self.world.provider.reachable)
    @rule()
    @step
    async def the_provider_is_back(self) -> None:
        self.at.reach(True)

    async def about(
        self, one: int, node: int, op: AnyOperation, trouble: Trouble
    ) -> Answer[Any] | GatewayError | None:
        """Something about a rental that its owner asks for."""
        if (rental := self.pick(one)) is None:
            return None
        who, given = owner(rental).name, {"rental_id": rental.id}
        answer = await self.ask(who, node, op, given, trouble)
        if isinstance(answer, Answer):
            self.check_seen(op, rental.id, answer.value)
        return answer


def _wish(who: str, *, several: bool) -> dict[str, Any]:
    return {"service_code": WHO[who].several if several else WHO[who].one}
