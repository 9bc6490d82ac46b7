"""What the steps of the machine have in common: asking, and what must hold of every answer."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from adapters.simulator import Fault, FaultKind
from adapters.simulator.provider.books import Books
from adapters.simulator.provider.records import LongRental, Rental
from gateway.core.model.codes import Code, same_code
from gateway.core.model.errors import AlreadyReplaced, GatewayError
from gateway.core.model.values import Charged
from gateway.core.operations import long_rentals, rentals
from gateway.core.operations.call import Answer
from gateway.core.operations.operation import AnyOperation
from gateway.core.operations.replacement import REPLACE_RENTAL
from tests.model.judging import A_MINUTE, bounds, last_end, resolve, sold_to, verdict
from tests.model.node import Died, Node
from tests.model.world import BUDGET, CALLERS, Place, Who, World

_HEALED = 40.0  # seconds, a round and the pause of a breaker
_KEPT = timedelta(hours=24)
# Names stand for all that is drawn, so that a sequence can be read, and played again.
WHO = {who.name: who for who in CALLERS}
FAULTS = {
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
    REPLACE_RENTAL: "rent-a-number",
    rentals.CANCEL_RENTAL: "cancel-rental",
    rentals.COMPLETE_RENTAL: "completed",
    long_rentals.CREATE_LONG_RENTAL: "create-long-rental",
    long_rentals.RENEW_LONG_RENTAL: "update-long-rental",
}
# What the provider only calls cancelled.
_CANCELLED_AS = {"replaced": "cancelled", "cancelled_unused": "cancelled"}
Trouble = str | int | None
"""A fault by name, or after how many effects the node dies."""


class Playing(RuleBasedStateMachine):
    """A state machine with its world, its questions and its audit."""

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

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            if not self.broken:
                self.runner.run(self.audit())
        finally:
            self.runner.run(self.place.end())

    async def audit(self) -> None:
        """Unknown purchases are settled by evidence; then both books must say the same."""
        self.at.reach(True)
        for who in CALLERS:  # its account is followed from here on, also after a restart
            await self.at.answer(self.at.nodes[0], who, rentals.LIST_RENTALS, {})
        await self.at.pass_by(_HEALED)
        await self.a_minute_after_all()
        wrong = await bounds(self.at)
        if await resolve(self.at):
            await self.a_minute_after_all()
        wrong += await verdict(self.at)
        assert not wrong, "\n".join(wrong)

    async def a_minute_after_all(self) -> None:
        """By then all is known that the provider tells; none ends meanwhile."""
        await self.at.pass_by(A_MINUTE)
        while (since := last_end(self.at)) < A_MINUTE:
            await self.at.pass_by(A_MINUTE - since + 1.0)

    async def buy(
        self,
        who: str,
        node: int,
        op: AnyOperation,
        given: dict[str, Any],
        request_id: str | None,
        trouble: Trouble,
    ) -> Answer[Any] | GatewayError | None:
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
        return answer

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
        asked = self.node(node)
        with self.troubled(asked, trouble, _CALLS.get(op, "*")):
            try:
                return await self.at.answer(asked, WHO[who], op, given, **more)
            except Died:
                return None
            finally:
                await self.at.revive()

    @contextmanager
    def troubled(self, node: Node, trouble: Trouble, call: str) -> Iterator[None]:
        """Something goes wrong at a call of the provider, or with the node."""
        if trouble is None:
            yield
            return
        with self.at.hindering():
            if isinstance(trouble, str):
                self.add_fault(trouble, call)
            node.gate.fuse = trouble if isinstance(trouble, int) else None
            try:
                yield
            finally:
                node.gate.fuse = None
                self.at.provider.sim.faults.clear()

    def add_fault(self, trouble: str, call: str) -> None:
        self.at.provider.sim.faults.add(replace(FAULTS[trouble], call=call))

    def check_budget(self) -> None:
        assert sold_to(CALLERS[0], self.at).net <= BUDGET, "above the budget"

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
            assert any(same_code(seen.code, code.text) for code in rental.codes)
        if op is rentals.CANCEL_RENTAL:
            self.check_cancel(rental, seen)
        if op is rentals.COMPLETE_RENTAL:
            assert rental.status.value == "completed"
        if isinstance(seen, Code) and seen.ended_reason is not None:
            told = seen.ended_reason.value
            assert _CANCELLED_AS.get(told, told) == rental.status.value

    def check_cancel(self, rental: Rental, seen: Any) -> None:
        """It is cancelled, or a wish stands."""
        if seen.status.value == "cancelled":
            assert rental.status.value == "cancelled"
            return
        assert seen.status.value == "active", f"cancelling was answered with {seen.status}"
        assert seen.cancel_requested_at is not None, "a cancel was answered, and no wish stands"
        self.at.wished.setdefault(rental.id, self.at.provider.now())

    def check_replaced(self, id: int, answer: Answer[Any] | GatewayError | None) -> None:
        """A rental is told one replacement, and it is to be cancelled from then on."""
        if isinstance(answer, AlreadyReplaced):
            assert answer.replaced_by is not None
            assert answer.replaced_by == self.at.replaced.setdefault(id, answer.replaced_by)
        if not isinstance(answer, Answer):
            return
        assert answer.value.replaces == id
        known = self.at.replaced.setdefault(id, answer.value.id)
        assert known == answer.value.id, f"{id} was replaced by {known}, and by another"
        if (rental := self.books.rentals[id]).active and not rental.codes:
            self.at.wished.setdefault(id, self.at.provider.now())

    def has_shown(self, id: int) -> bool:
        """Whether a node was told a code of this rental."""
        return any(one.rental_id == id for one in self.at.provider.shown)

    @property
    def at(self) -> World:
        assert self.world is not None
        return self.world

    @property
    def books(self) -> Books:
        return self.at.provider.sim.books

    def node(self, number: int) -> Node:
        return self.at.nodes[number % len(self.at.nodes)]

    def pick(self, number: int) -> Rental | None:
        """One of all rentals, the newest first."""
        sold = list(self.books.rentals.values())
        return sold[-1 - number % len(sold)] if sold else None

    def pick_active(self, number: int) -> Rental | None:
        """One of those that have not ended, first those that may get several codes."""
        self.at.provider.catch_up()
        sold = [one for one in reversed(self.books.rentals.values()) if one.active]
        sold.sort(key=lambda one: one.service != owner(one).several)
        return sold[number % len(sold)] if sold else None

    def pick_long(self, number: int) -> LongRental | None:
        sold = list(self.books.long_rentals.values())
        return sold[-1 - number % len(sold)] if sold else None

    def bought(self, who: str) -> int:
        """How many purchases of this caller the provider has charged."""
        sold = sold_to(WHO[who], self.at)
        return len(sold.rentals) + sold.periods


def owner(sold: Rental | LongRental) -> Who:
    """The caller who bought it: nobody else rents the service, or for the period."""
    if isinstance(sold, LongRental):
        return next(who for who in CALLERS if sold.period == who.period)
    return next(who for who in CALLERS if sold.service in (who.one, who.several))
