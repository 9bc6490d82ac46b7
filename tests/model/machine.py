"""The state machine: random steps, and at the end of each sequence the audit."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from typing import Any, ClassVar, ParamSpec, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from adapters.simulator import Fault, FaultKind
from gateway.core.model.codes import Code
from gateway.core.model.errors import GatewayError
from gateway.core.model.provider_errors import RentalEnded
from gateway.core.model.values import Charged
from gateway.core.operations import codes, long_rentals, rentals
from gateway.core.operations.call import Answer
from gateway.core.operations.operation import AnyOperation
from tests.model.judging import A_MINUTE, bounds, late, resolve, sold_to, verdict
from tests.model.node import Died, Node
from tests.model.world import BUDGET, CALLERS, Place, World

P = ParamSpec("P")
T = TypeVar("T")

_HEALED = 40.0  # seconds, a round and the pause of a breaker
_KEPT = timedelta(hours=24)
# Names stand for all that is drawn, so that a sequence can be read, and played again.
_WHO = {who.name: who for who in CALLERS}
_FAULTS = {
    "lost on the way": Fault("", FaultKind.DROP_BEFORE),
    "answer lost": Fault("", FaultKind.DROP_AFTER),
    "answer cut": Fault("", FaultKind.CUT_JSON),
    "502": Fault("", FaultKind.STATUS),
    "502, but done": Fault("", FaultKind.STATUS, after_work=True),
    "silence": Fault("", FaultKind.HANG),
    "silence, but done": Fault("", FaultKind.HANG, after_work=True),
}
# The call that a fault is for: others of the operation, for prices say, go well.
_CALLS = {
    rentals.RENT_NUMBER: "rent-a-number",
    rentals.RENT_AGAIN: "re-rent",
    rentals.CANCEL_RENTAL: "cancel-rental",
    rentals.COMPLETE_RENTAL: "completed",
    long_rentals.CREATE_LONG_RENTAL: "create-long-rental",
    long_rentals.RENEW_LONG_RENTAL: "update-long-rental",
}
_ABOUT = {
    op.name: op
    for op in (
        rentals.GET_RENTAL,
        rentals.CANCEL_RENTAL,
        rentals.COMPLETE_RENTAL,
        codes.WAIT_FOR_CODE,
    )
}
_LISTS = {op.name: op for op in (rentals.LIST_RENTALS, long_rentals.LIST_LONG_RENTALS)}
Trouble = str | int | None
"""A fault by name, or after how many effects the node dies."""
no_trouble: st.SearchStrategy[Trouble] = st.none()
trouble = st.one_of(no_trouble, no_trouble, st.sampled_from(list(_FAULTS)), st.integers(0, 14))
whose = st.sampled_from(list(_WHO))
which = st.integers(0, 5)  # of the rentals, from the newest on
request_ids = st.one_of(st.none(), st.sampled_from(["first", "second"]))
times = st.sampled_from([1.0, 5.0, 20.0, 61.0, 130.0, 250.0, 400.0])


def step(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, None]:
    """A step of the machine, run in its held time."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        machine = args[0]
        assert isinstance(machine, Gatewaying)
        machine.play(work(*args, **kwargs))

    return run


class Gatewaying(RuleBasedStateMachine):
    """What callers, operators, the provider, the network and the machines do."""

    runner: ClassVar[asyncio.Runner]
    place: ClassVar[Place]

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.broken = False

    def play(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a step; after it the nodes that died are there again."""
        try:
            self.runner.run(work)
        except BaseException:
            self.broken = True
            raise

    @initialize(refunds=st.booleans())
    @step
    async def begin(self, refunds: bool) -> None:
        self.world = await self.place.begin(refunds=refunds)

    @rule(
        who=whose,
        node=which,
        several=st.booleans(),
        request_id=request_ids,
        trouble=trouble,
    )
    @step
    async def rent(
        self,
        who: str,
        node: int,
        several: bool,
        request_id: str | None,
        trouble: Trouble,
    ) -> None:
        given = {"service_code": _service(who, several)}
        await self.buy(who, node, rentals.RENT_NUMBER, given, request_id, trouble)

    @rule(who=whose, node=which, one=which, request_id=request_ids, trouble=trouble)
    @step
    async def rent_again(
        self,
        who: str,
        node: int,
        one: int,
        request_id: str | None,
        trouble: Trouble,
    ) -> None:
        if (id := self.pick(who, one)) is not None:
            given = {"rental_id": id}
            await self.buy(who, node, rentals.RENT_AGAIN, given, request_id, trouble)

    @rule(who=whose, node=which, request_id=request_ids, trouble=trouble)
    @step
    async def rent_long(
        self, who: str, node: int, request_id: str | None, trouble: Trouble
    ) -> None:
        given = {"period": _WHO[who].period}
        await self.buy(who, node, long_rentals.CREATE_LONG_RENTAL, given, request_id, trouble)

    @rule(who=whose, node=which, one=which, request_id=request_ids, trouble=trouble)
    @step
    async def renew(
        self,
        who: str,
        node: int,
        one: int,
        request_id: str | None,
        trouble: Trouble,
    ) -> None:
        sold = sold_to(_WHO[who], self.books).long_rentals
        if sold:
            given = {"long_rental_id": sold[one % len(sold)].id}
            await self.buy(who, node, long_rentals.RENEW_LONG_RENTAL, given, request_id, trouble)

    @rule(who=whose, several=st.booleans(), times=st.integers(2, 4), same=st.booleans())
    @step
    async def rent_at_once(self, who: str, several: bool, times: int, same: bool) -> None:
        """On all nodes in turn; `same`: it is one request."""
        before, nodes = self.bought(who), self.at.nodes
        given = {"service_code": _service(who, several)}
        more = {"request_id": "at once"} if same else {}
        answers = await asyncio.gather(
            *(
                self.at.answer(nodes[n % len(nodes)], _WHO[who], rentals.RENT_NUMBER, given, **more)
                for n in range(times)
            )
        )
        for answer in answers:
            if same:
                self.check_told(who, "at once", answer)
        told = sum(isinstance(answer, Answer) for answer in answers)
        bought = self.bought(who) - before
        assert bought <= 1 if same else bought == told, f"{told} told, {bought} bought"
        self.check_budget()

    @rule(
        who=whose,
        node=which,
        one=which,
        op=st.sampled_from(list(_ABOUT)),
        trouble=trouble,
    )
    @step
    async def about_a_rental(
        self, who: str, node: int, one: int, op: str, trouble: Trouble
    ) -> None:
        if (id := self.pick(who, one)) is not None:
            answer = await self.ask(who, node, _ABOUT[op], {"rental_id": id}, trouble)
            if isinstance(answer, Answer):
                self.check_seen(_ABOUT[op], id, answer.value)
            elif isinstance(answer, RentalEnded):
                wanted = {"cancel_rental": "cancelled", "complete_rental": "completed"}
                assert self.books.rentals[id].status.value != wanted[op], "a change was repeated"

    @rule(
        who=whose,
        node=which,
        op=st.sampled_from(list(_LISTS)),
        trouble=trouble,
    )
    @step
    async def list_all(self, who: str, node: int, op: str, trouble: Trouble) -> None:
        await self.ask(who, node, _LISTS[op], {}, trouble)

    @rule(who=whose, one=which, text=st.sampled_from(["000042", "731905", "31905"]))
    @step
    async def a_code_comes(self, who: str, one: int, text: str) -> None:
        if (id := self.pick(who, one)) is not None:
            self.at.provider.catch_up()
            rental = self.books.rentals[id]
            if rental.service == _service(who, True) or not rental.codes:
                self.at.provider.sim.renting.receive(id, text, self.at.provider.now())

    @rule(seconds=times)
    @step
    async def time_passes(self, seconds: float) -> None:
        await self.at.pass_by(seconds)

    @rule(hours=st.sampled_from([1, 5, 30]))
    @step
    async def hours_pass(self, hours: int) -> None:
        await self.at.leap(hours * 3600.0)

    @rule(node=which, killed=st.booleans())
    @step
    async def a_node_restarts(self, node: int, killed: bool) -> None:
        await self.node(node).restart(killed=killed)

    @rule(seconds=st.sampled_from([5.0, 40.0]))
    @step
    async def the_provider_is_away(self, seconds: float) -> None:
        self.at.provider.reachable = False
        await self.at.pass_by(seconds)

    @precondition(lambda self: self.world is not None and not self.world.provider.reachable)
    @rule()
    @step
    async def the_provider_is_back(self) -> None:
        self.at.provider.reachable = True

    def teardown(self) -> None:
        if self.world is None:
            return
        if not self.broken:
            self.runner.run(self.audit())
        self.runner.run(self.place.end())

    async def audit(self) -> None:
        """Unknown purchases are settled by evidence; then both books must say the same."""
        self.at.provider.reachable = True
        for who in CALLERS:  # its account is followed from here on, also after a restart
            await self.at.answer(self.at.nodes[0], who, rentals.LIST_RENTALS, {})
        await self.at.pass_by(_HEALED + A_MINUTE)
        wrong = [*await late(self.at), *await bounds(self.at)]
        if await resolve(self.at):
            await self.at.pass_by(A_MINUTE)
        wrong += await verdict(self.at)
        assert not wrong, "\n".join(wrong)

    async def buy(
        self,
        who: str,
        node: int,
        op: AnyOperation,
        given: dict[str, Any],
        request_id: str | None,
        trouble: Trouble,
    ) -> None:
        """A purchase, and what must hold of its answer whatever happens."""
        before = self.bought(who)
        answer = await self.ask(who, node, op, given, trouble, request_id=request_id)
        bought = self.bought(who) - before
        assert bought <= 1, "one request, and several purchases"
        if isinstance(answer, GatewayError) and answer.charged is Charged.NO:
            assert bought == 0, f"{answer} says that nothing was charged"
        if isinstance(answer, Answer) and request_id is None:
            assert bought == 1, "told of a purchase that nobody made"
        if answer is not None and request_id is not None:
            self.check_told(who, request_id, answer)
        self.check_budget()

    async def ask(
        self,
        who: str,
        node: int,
        op: AnyOperation,
        given: dict[str, Any],
        trouble: Trouble,
        **more: Any,
    ) -> Answer[Any] | GatewayError | None:
        """The answer, or None where the node died over it; it is back then."""
        asked, faults = self.node(node), self.at.provider.sim.faults
        if isinstance(trouble, str):
            faults.add(replace(_FAULTS[trouble], call=_CALLS.get(op, "*")))
        else:
            asked.gate.fuse = trouble
        try:
            return await self.at.answer(asked, _WHO[who], op, given, **more)
        except Died:
            return None
        finally:
            asked.gate.fuse = None
            faults.clear()
            await self.at.revive()

    def check_budget(self) -> None:
        assert sold_to(CALLERS[0], self.books).net <= BUDGET, "above the budget"

    def check_told(self, who: str, request_id: str, answer: Answer[Any] | GatewayError) -> None:
        """One request is told one purchase, wherever it is asked for, as long as it is kept."""
        if not isinstance(answer, Answer):
            return
        now = self.at.clock.now()
        known, at = self.at.told.get((who, request_id), (None, now))
        if known is None or now - at >= _KEPT:
            self.at.told[who, request_id] = answer.value.id, now
        else:
            assert known == answer.value.id, f"{request_id} was told {known}, and another"

    def check_seen(self, op: AnyOperation, id: int, seen: Any) -> None:
        """What is told of a rental is what the provider says, or said before."""
        rental = self.books.rentals[id]
        if seen.code is not None:
            assert seen.code in {code.text for code in rental.codes}
        if op is rentals.CANCEL_RENTAL:
            assert rental.status.value == "cancelled"
        if op is rentals.COMPLETE_RENTAL:
            assert rental.status.value == "completed"
        if isinstance(seen, Code) and seen.ended_reason is not None:
            assert seen.ended_reason == rental.status.value

    @property
    def at(self) -> World:
        assert self.world is not None
        return self.world

    @property
    def books(self) -> Any:
        return self.at.provider.sim.books

    def node(self, number: int) -> Node:
        return self.at.nodes[number % len(self.at.nodes)]

    def pick(self, who: str, number: int) -> int | None:
        """One of a caller's rentals, the newest first."""
        sold: Sequence[Any] = sold_to(_WHO[who], self.books).rentals
        return sold[-1 - number % len(sold)].id if sold else None

    def bought(self, who: str) -> int:
        """How many purchases of this caller the provider has charged."""
        sold = sold_to(_WHO[who], self.books)
        return len(sold.rentals) + sum(int(one.paid / one.price) for one in sold.long_rentals)


def _service(who: str, several: bool) -> str:
    return _WHO[who].several if several else _WHO[who].one
