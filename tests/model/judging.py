"""What the ledger says of a sequence, held against the books of the provider."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from math import inf

from adapters.simulator.provider.records import LongRental, Rental
from adapters.store.opening import store_over
from gateway.core.model.callers import Caller
from gateway.core.model.codes import same_code
from gateway.core.model.hindrances import MOST_REPLACEMENTS
from gateway.core.model.purchases import Spend, SpendState, View
from gateway.core.model.rentals import OVER, EndedReason
from gateway.core.model.rentals import Rental as Known
from gateway.core.model.values import new_ledger_id
from gateway.core.operations.long_rentals import RENEW_LONG_RENTAL
from gateway.core.ports.ledger import Ledger
from gateway.core.purchases.settlement import resolution
from tests.model.world import BEFORE_END, CALLERS, Who, World
from tests.support.held_time import loop

NOTHING = Decimal(0)
_OPEN = (SpendState.INTENDED, SpendState.SENT, SpendState.UNKNOWN)
A_MINUTE = 60.0
_CARRIED_OUT = 120.0  # seconds: by then a wish is tried again, whatever made it wait
_EARLIER = 60.0  # seconds by which it is begun earlier where many are due
_UNDER_WAY = 15.0  # seconds for which a cancel may wait for the limit
_AT_MOST = 60.0  # seconds from the beginning of a purchase until it reached the provider


@dataclass(frozen=True, slots=True)
class Sold:
    """What the provider sold to one caller."""

    rentals: list[Rental]
    long_rentals: list[LongRental]
    given_back: Decimal = NOTHING

    @property
    def charged(self) -> Decimal:
        rentals = sum((one.price for one in self.rentals), NOTHING)
        return sum((one.paid for one in self.long_rentals), rentals)

    @property
    def periods(self) -> int:
        """Of long rentals, all of one price."""
        return sum(int(one.paid / one.price) for one in self.long_rentals)

    @property
    def refunded(self) -> Decimal:
        return sum((one.refunded for one in self.rentals), self.given_back)

    @property
    def net(self) -> Decimal:
        return self.charged - self.refunded


def sold_to(who: Who, world: World) -> Sold:
    """All that the provider sold to this caller, which nobody else buys."""
    books = world.provider.sim.books
    return Sold(
        [one for one in books.rentals.values() if one.service in (who.one, who.several)],
        [one for one in books.long_rentals.values() if one.period == who.period],
        world.given_back.get(who.name, NOTHING),
    )


@dataclass(frozen=True, slots=True)
class Account:
    """A caller's part of the ledger."""

    who: Who
    caller: Caller
    spends: list[Spend]
    total: Decimal
    rentals: list[Known]

    def sum_of(self, what: str) -> Decimal:
        return sum((getattr(one, what) or NOTHING for one in self.spends), NOTHING)

    @property
    def open(self) -> list[Spend]:
        return [spend for spend in self.spends if spend.state in _OPEN]

    @property
    def reserved(self) -> Decimal:
        return sum((spend.reserved or NOTHING for spend in self.open), NOTHING)


async def accounts(world: World) -> list[Account]:
    """The ledger as it is, by caller."""
    gateway = world.nodes[0].gateway
    spends, now = await gateway.ledger.spends(1_000), world.clock.now()
    found = []
    for who in CALLERS:
        caller = await gateway.callers.identify(who.key)
        view = View(caller.account.id, caller.id)
        total = (await gateway.ledger.spending(caller.id, now)).total
        mine = [spend for spend in spends if spend.caller_id == caller.id]
        rentals = await gateway.ledger.all_rentals(view, "rental")
        known = [one for one in rentals if isinstance(one, Known)]
        found.append(Account(who, caller, mine, total, known))
    return found


async def bounds(world: World) -> list[str]:
    """Where, before any evidence, an unknown purchase lies outside of what it may be."""
    wrong = []
    for one in await accounts(world):
        sold = sold_to(one.who, world)
        known = one.sum_of("charged") - one.sum_of("refunded")
        if one.total != known + one.reserved:
            wrong.append(f"{one.who.name}: counted {one.total}, entries {known} + {one.reserved}")
        unpriced = any(spend.reserved is None for spend in one.open)
        if sold.net < known or not (unpriced or sold.net <= known + one.reserved):
            wrong.append(f"{one.who.name}: paid {sold.net}, known {known}, reserved {one.reserved}")
    return wrong


def last_end(world: World) -> float:
    """How many seconds ago the last rental ended."""
    rentals = world.provider.sim.books.rentals.values()
    return world.provider.now() - max((one.ended_at or 0.0 for one in rentals), default=0.0)


async def resolve(world: World) -> int:
    """What an operator does in a process of its own, with the provider's own pages.

    What fits in time comes first, and creations before renewals of what they created. Returns how
    many there were.
    """
    unknown = await world.nodes[0].gateway.ledger.unknown()
    if not unknown:
        return 0
    with loop().awaiting():
        async with world.ledger.open() as database:
            ledger = store_over(database, new_ledger_id).ledger
            left = sorted(unknown, key=lambda spend: spend.operation)
            for within in (_AT_MOST, inf):
                for spend in list(left):
                    found = await _evidence(ledger, spend, world, within)
                    if found is not None or within == inf:
                        outcome = resolution(spend, *(found or (None, None)))
                        assert await ledger.settle(spend.ledger_id, outcome, world.clock.now())
                        left.remove(spend)
    return len(unknown)


async def _evidence(
    ledger: Ledger, spend: Spend, world: World, within: float
) -> tuple[int, Decimal] | None:
    """The id and the price of what this purchase bought, in so many seconds from its beginning."""
    who = next(one for one in CALLERS if spend.caller_id.endswith(one.name) or one.limits is None)
    sold = sold_to(who, world)
    if spend.operation == RENEW_LONG_RENTAL.name:
        return await _renewal(ledger, spend, sold)
    if spend.kind == "long_rental":
        for long in sold.long_rentals:
            if not await ledger.is_bought(spend.account_id, "long_rental", long.id):
                return long.id, long.price
        return None
    for rental in sold.rentals:  # one that nobody else has bought
        taken = await ledger.is_bought(spend.account_id, "rental", rental.id)
        fits = abs(rental.rented_at - spend.at.timestamp()) <= within
        if not taken and fits and spend.service_code in (None, rental.service):
            return rental.id, rental.price
    return None


async def _renewal(ledger: Ledger, spend: Spend, sold: Sold) -> tuple[int, Decimal] | None:
    """A period that the provider was paid for, and no purchase of this caller brought."""
    known = sum(
        one.state is SpendState.BOUGHT
        for one in await ledger.spends(1_000)
        if one.kind == "long_rental" and one.caller_id == spend.caller_id
    )
    if sold.periods == known:
        return None
    renewed = next(one for one in sold.long_rentals if spend.subject_id in (None, one.id))
    return renewed.id, renewed.price


async def verdict(world: World) -> list[str]:
    """Where the ledger differs from the provider's books, once all is settled and looked at."""
    wrong: list[str] = []
    for one in await accounts(world):
        wrong += [f"{one.who.name}: {what}" for what in _money(one, world)]
        wrong += [f"{one.who.name}: {what}" for what in _rentals(one, world)]
        wrong += [f"{one.who.name}: {what}" async for what in _codes(one, world)]
        wrong += [f"{one.who.name}: {what}" for what in _ends(one, world)]
        wrong += [f"{one.who.name}: {what}" for what in _replacements(one)]
    wrong += _cancels(world)
    return wrong


def _money(one: Account, world: World) -> Iterator[str]:
    sold = sold_to(one.who, world)
    for spend in one.open:
        yield f"{spend.operation} {spend.ledger_id} is {spend.state}"
    for what in ("charged", "refunded"):
        if one.sum_of(what) != getattr(sold, what):
            yield f"{what} {one.sum_of(what)}, by the provider {getattr(sold, what)}"
    if one.total != sold.net:
        yield f"counted {one.total}, paid {sold.net}"


def _rentals(one: Account, world: World) -> Iterator[str]:
    sold = {rental.id: rental for rental in sold_to(one.who, world).rentals}
    counts = Counter(rental.id for rental in one.rentals)
    if set(counts) != set(sold) or any(count > 1 for count in counts.values()):
        yield f"has {sorted(counts.elements(), key=str)}, was sold {sorted(sold)}"
    for known in one.rentals:
        if (rental := sold.get(known.id or 0)) is not None:
            for what, here, there in _told(known, rental, world):
                if here != there:
                    yield f"{rental.id} has the {what} {here}, by the provider {there}"


def _told(known: Known, rental: Rental, world: World) -> Iterator[tuple[str, object, object]]:
    """What the ledger and the provider say of one rental."""
    yield "price", known.price, rental.price
    yield "refund", known.refunded or NOTHING, rental.refunded
    ended = None if rental.active else rental.status.value
    yield "end", known.status.value if known.status in OVER else None, ended
    # Who completes a rental before its code was read does not want it: the answer has none.
    early = (rental.ended_at or rental.ends_at) < rental.ends_at
    shown = [each.code for each in world.provider.shown if each.rental_id == rental.id]
    if not early or rental.code in shown:
        yield "code", known.code, rental.code


async def _codes(one: Account, world: World) -> AsyncIterator[str]:
    """All codes that were told here stand in the ledger, and no others."""
    ledger, view = world.nodes[0].gateway.ledger, View(one.caller.account.id, one.caller.id)
    for rental in sold_to(one.who, world).rentals:
        found = await ledger.find(view, "rental", rental.id)
        if not isinstance(found, Known):
            continue
        kept = found.codes or ()
        exact = [code.code for code in kept if not code.provisional]
        shown = {each.code for each in world.provider.shown if each.rental_id == rental.id}
        came = {code.text for code in rental.codes}
        if not shown <= set(exact) <= came or len(exact) != len(set(exact)):
            yield f"{rental.id} has {exact}, was told {sorted(shown)}, of {sorted(came)}"
        if exact[:1] != [code for code in [found.code] if code is not None]:
            yield f"{rental.id} has {exact}, and {found.code} as the newest"
        announced = world.announced.get(rental.id, set())
        missing = {text for text in announced if not any(same_code(text, c.code) for c in kept)}
        unheard = [c.code for c in kept if c.provisional and c.code not in announced]
        if missing or unheard:
            yield f"{rental.id} lacks {missing}, of webhooks, and has {unheard} of none"


def _ends(one: Account, world: World) -> Iterator[str]:
    """Wishes that were told are carried out, and nothing else is cancelled but what is unused."""
    known = {rental.id: rental for rental in one.rentals}
    for rental in sold_to(one.who, world).rentals:
        if (row := known.get(rental.id)) is None:
            continue
        if rental.id in world.wished and row.cancel_requested_at is None:
            yield f"the wish to cancel {rental.id} is lost"
        kept = one.who.limits is None  # its wishes wait until its key is seen
        if rental.status.value == "expired" and not kept:
            calm = world.calm(world.wished.get(rental.id, inf), rental.ends_at)
            if calm > _CARRIED_OUT:
                yield f"{rental.id} has ended, and for {calm:.0f} s it could be cancelled"
        asked_for = rental.id in world.asked or row.replaced_by is not None
        if rental.status.value == "cancelled" and not asked_for:
            early = rental.ends_at - (rental.ended_at or 0.0)
            reason = row.ended_reason
            if reason is not EndedReason.CANCELLED_UNUSED or early > BEFORE_END + _EARLIER:
                yield f"{rental.id} was cancelled ({reason}) {early:.0f} s before its end"


def _replacements(one: Account) -> Iterator[str]:
    """Each rental is replaced once, by one that says so; no more than three follow one another."""
    known = {rental.id: rental for rental in one.rentals}
    after = {rental.id: rental.replaced_by for rental in one.rentals if rental.replaced_by}
    before = {rental.id: rental.replaces for rental in one.rentals if rental.replaces}
    if {new: old for old, new in after.items()} != before:
        yield f"{after} are replaced, and {before} replace"
    for rental in known:
        at, length = rental, 0
        while (at := before.get(at)) is not None and length <= MOST_REPLACEMENTS:
            length += 1
        if length > MOST_REPLACEMENTS:
            yield f"{rental} is the replacement of {length}"


def _cancels(world: World) -> Iterator[str]:
    """Nothing is cancelled again that was told to be, or that has a code, as a node was told."""
    provider, told = world.provider, dict[int, float]()
    for cancel in provider.cancels:
        if told.get(cancel.rental_id, inf) + _UNDER_WAY < cancel.at:
            yield f"{cancel.rental_id} was given back twice"
        if cancel.told_at is not None:
            told.setdefault(cancel.rental_id, cancel.told_at)
        shown = [one.at for one in provider.shown if one.rental_id == cancel.rental_id]
        if min(shown, default=inf) + _UNDER_WAY < cancel.at:
            yield f"{cancel.rental_id} was to be cancelled, and its code was known"
