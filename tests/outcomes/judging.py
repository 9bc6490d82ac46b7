"""What a run promised, held against its callers' word, the ledger and the provider's books."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from adapters.simulator.provider.records import Rental, RentalStatus
from gateway.core.model.purchases import Spend
from gateway.core.purchases.settlement import resolution
from tests.outcomes.caller import Caller
from tests.outcomes.world import World

NOTHING = Decimal(0)
SHARE = Decimal("0.99")  # of the codes that the budgets allow
_SOON = 120.0  # seconds, restarts and lost answers in them
_AT_MOST = 60.0  # seconds from the beginning of a purchase until it reached the provider


@dataclass(frozen=True, slots=True)
class Part:
    """One key's part of a run."""

    caller: Caller
    sold: list[Rental]
    gives_back: bool

    @property
    def known(self) -> list[Rental]:
        """What the caller was told that it bought."""
        told = set(self.caller.bought.values())
        return [rental for rental in self.sold if rental.id in told]

    @property
    def lost(self) -> list[Rental]:
        """What was sold, and nobody was told: the answer was lost."""
        told = set(self.caller.bought.values())
        return [rental for rental in self.sold if rental.id not in told]

    @property
    def silent(self) -> list[Rental]:
        return [rental for rental in self.known if not rental.codes]

    @property
    def allowed(self) -> int:
        """How many codes the budget allows: all of it, but for what is lost or paid for nothing."""
        whole = int(self.caller.world.plan.budget) - len(self.caller.lost)
        return whole if self.gives_back else whole - len(self.silent)

    @property
    def paid(self) -> Decimal:
        return sum((rental.price - rental.refunded for rental in self.known), NOTHING)

    @property
    def worth(self) -> Decimal:
        """What should have been paid: for the numbers with a code, or for all that expire."""
        return sum((r.price for r in self.known if r.codes or not self.gives_back), NOTHING)


def parts(world: World, callers: Sequence[Caller]) -> list[Part]:
    gives_back = world.plan.gives_back
    return [Part(caller, world.sold_to(caller.key), gives_back) for caller in callers]


def codes(found: Sequence[Part]) -> Iterator[str]:
    """Fewer codes than the budgets allow, or such as never came."""
    told, allowed = sum(len(one.caller.codes) for one in found), sum(one.allowed for one in found)
    if told < SHARE * allowed:
        yield f"{told} codes of {allowed} that the budgets allow"
    for one in found:
        came = {rental.id: {code.text for code in rental.codes} for rental in one.sold}
        for id, code in one.caller.codes.items():
            if code not in came.get(id, ()):
                yield f"{one.caller.key.name} was told {code} for {id}, which never came"


def silent(found: Sequence[Part]) -> Iterator[str]:
    """A silent number that was not given back in time; or was, where that is never allowed."""
    end = RentalStatus.CANCELLED if found[0].gives_back else RentalStatus.EXPIRED
    for one in found:
        for rental in one.silent:
            if rental.status is not end:
                yield f"{rental.id} of {one.caller.key.name} stayed silent, and is {rental.status}"
            elif found[0].gives_back and (late := _late(one, rental)) > _SOON:
                yield f"{rental.id} of {one.caller.key.name} was cancelled {late:.0f} s late"


def _late(one: Part, rental: Rental) -> float:
    """Seconds from when a number could be given back, or its caller gave it up, until it was."""
    allowed = rental.rented_at + one.caller.world.plan.locked
    return (rental.ended_at or 0.0) - max(one.caller.since.get(rental.id, 0.0), allowed)


def paid(found: Sequence[Part]) -> Iterator[str]:
    """A cent more or less than the numbers with a code cost."""
    for one in found:
        if one.paid != one.worth:
            yield f"{one.caller.key.name} paid {one.paid}, for what costs {one.worth}"


def twice(found: Sequence[Part]) -> Iterator[str]:
    """A request that bought twice, or a number that was replaced twice."""
    for one in found:
        told = list(one.caller.bought.values())
        if len(told) != len(set(told)) or not set(told) <= {rental.id for rental in one.sold}:
            yield f"{one.caller.key.name} was told {sorted(told)}, and that is not what was sold"
        if len(one.lost) > len(one.caller.lost):
            ids = [rental.id for rental in one.lost]
            yield f"{one.caller.key.name} lost {one.caller.lost}, and was sold {ids} besides"
        new = list(one.caller.replaced.values())
        if len(new) != len(set(new)):
            yield f"{one.caller.key.name} was told one replacement for two: {sorted(new)}"


def limits(world: World) -> Iterator[str]:
    """A call above the provider's limits."""
    for calls in world.provider.sim.limiter.violations.values():
        yield from (f"{count} calls of {call} above its limit" for call, count in calls.items())


def surprises(callers: Sequence[Caller]) -> Iterator[str]:
    """An answer that a sensible client does not expect."""
    for caller in callers:
        for what, times in caller.surprises.items():
            yield f"{caller.key.name} met {times} times: {what}"


async def books(world: World, found: Sequence[Part]) -> AsyncIterator[str]:
    """Where the ledger differs from the provider's books, lost purchases settled by evidence."""
    gateway = world.node.gateway
    spends = list(await gateway.ledger.spends(1_000_000))
    for one in found:
        mine = [spend for spend in spends if spend.caller_id == one.caller.key.caller]
        for what, there in (
            ("charged", sum((rental.price for rental in one.sold), NOTHING)),
            ("refunded", sum((rental.refunded for rental in one.sold), NOTHING)),
        ):
            here = sum((getattr(spend, what) or NOTHING for spend in mine), NOTHING)
            if here != there:
                yield f"{one.caller.key.name}: {what} {here}, by the provider {there}"
        spent = (await gateway.ledger.spending(one.caller.key.caller, world.now)).total
        net = sum((rental.price - rental.refunded for rental in one.sold), NOTHING)
        if spent != net:
            yield f"{one.caller.key.name}: counted {spent}, by the provider {net}"
        for spend in mine:
            if spend.state.value in {"intended", "sent", "unknown"}:
                yield f"{one.caller.key.name}: a purchase is {spend.state}"


async def settle(world: World, found: Sequence[Part]) -> None:
    """What an operator does with the provider's own pages, purchase by purchase."""
    ledger = world.node.gateway.ledger
    left = {one.caller.key.caller: list(one.lost) for one in found}
    for spend in await ledger.unknown():
        rental = next((one for one in left[spend.caller_id] if _fits(one, spend)), None)
        if rental is not None:
            left[spend.caller_id].remove(rental)
        outcome = resolution(spend, *((rental.id, rental.price) if rental else (None, None)))
        assert await ledger.settle(spend.ledger_id, outcome, world.now)


def _fits(rental: Rental, spend: Spend) -> bool:
    return 0 <= rental.rented_at - spend.at.timestamp() <= _AT_MOST
