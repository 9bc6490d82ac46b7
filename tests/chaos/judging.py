"""Which promises a run broke. Nothing here but the history of the run decides."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tests.chaos.history import NOTHING, History, Interval, Sold, Told, Wish
from tests.chaos.webhook_judging import events_lost, events_wrong

GRACE = 10.0  # seconds after which a code is late, where nothing is away
_LOOKING = 2.0  # seconds between two looks of a caller
_OPEN = ("intended", "sent", "unknown")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The breaches of each promise, each in words."""

    doubles: Sequence[str]
    wrong_callers: Sequence[str]
    late_codes: Sequence[str]
    sold_unwritten: Sequence[str]
    given_back_twice: Sequence[str]
    replaced_twice: Sequence[str]
    wishes_lost: Sequence[str]
    books: Sequence[str]
    events_lost: Sequence[str]
    events_wrong: Sequence[str]
    others: Sequence[str]

    @property
    def breaches(self) -> list[str]:
        """All of them."""
        return [
            *self.doubles,
            *self.wrong_callers,
            *self.late_codes,
            *self.sold_unwritten,
            *self.given_back_twice,
            *self.replaced_twice,
            *self.wishes_lost,
            *self.books,
            *self.events_lost,
            *self.events_wrong,
            *self.others,
        ]


def judge(history: History, grace: float = GRACE) -> Verdict:
    """What was promised and not kept."""
    return Verdict(
        list(doubles(history)),
        list(wrong_callers(history)),
        list(late_codes(history, grace)),
        list(sold_unwritten(history)),
        list(given_back_twice(history)),
        list(replaced_twice(history)),
        list(wishes_lost(history)),
        list(books(history)),
        list(events_lost(history)),
        list(events_wrong(history)),
        history.broken,
    )


def doubles(history: History) -> Iterator[str]:
    """A wish that was sold more than once, or told two rentals."""
    sales = _by_service(history)
    replaced = {one.wish.service for one in history.replacements}
    for wish in history.wishes:
        ids = [one.rental for one in sales.get(wish.service, ())]
        if len(ids) > 1 and wish.service not in replaced:
            yield f"{_name(wish)} was bought {len(ids)} times: {ids}"
        told = {one.rental for one in wish.answers if one.told is Told.BOUGHT}
        if len(told) > 1:
            yield f"{_name(wish)} was answered with several rentals: {sorted(map(str, told))}"


def wrong_callers(history: History) -> Iterator[str]:
    """A rental or a code that was shown to a key which did not buy it."""
    service_of = {one.rental: one.service for one in history.sold}
    owner_of = {wish.service: wish.key for wish in history.wishes}
    codes_of = {one.rental: {text for text, _ in one.codes} for one in history.sold}
    told = [(wish, wish.answers) for wish in history.wishes]
    told += [(one.wish, one.answers) for one in history.replacements]
    for wish, answers in told:
        for answer in answers:
            if answer.told is Told.BOUGHT and service_of.get(answer.rental or 0) != wish.service:
                yield f"{_name(wish)} was answered with rental {answer.rental} of somebody else"
    for sight in history.sights:
        if owner_of.get(service_of.get(sight.rental, "")) != sight.key:
            yield f"{sight.key} was shown rental {sight.rental} of somebody else"
        elif sight.code is not None and sight.code not in codes_of[sight.rental]:
            yield f"{sight.key} was shown a code that rental {sight.rental} never had"


def late_codes(history: History, grace: float) -> Iterator[str]:
    """A code of an answered purchase that its buyer could not read in time."""
    sales = {one.rental: one for one in history.sold}
    read: dict[tuple[str, int, str], float] = {}
    for sight in history.sights:
        if sight.code is not None:
            shown = sight.key, sight.rental, sight.code
            read[shown] = min(sight.at, read.get(shown, sight.at))
    for wish in history.wishes:
        sale = sales.get(wish.bought.rental or 0) if wish.bought else None
        if wish.bought is None or sale is None or not sale.codes:
            continue
        code, came = sale.codes[0]
        due = _due(max(came, wish.bought.at), history.outages, grace)
        at = read.get((wish.key, sale.rental, code))
        if at is None:
            yield f"the code of {_name(wish)} was never shown to its buyer"
        elif at > due:
            yield f"the code of {_name(wish)} was shown {at - due + grace:.1f} s after it was due"


def _due(at: float, outages: Sequence[Interval], grace: float) -> float:
    """When a code must have been read that came, and was paid, at that time.

    An outage prolongs it that was there, or began before anybody looked.
    """
    ends = [ended for begun, ended in outages if begun <= at + _LOOKING and at < ended]
    return max([at, *ends]) + grace


def sold_unwritten(history: History) -> Iterator[str]:
    """A purchase that a node began and sold while an end it had answered was not written.

    Another node whose ledger takes what it is given sells on: it cannot know.
    """
    wishes = {wish.service: wish for wish in history.wishes}
    spans = {
        node: list(unwritten(history, node))
        for node in {wish.bought.node for wish in history.wishes if wish.bought}
    }
    for sale in history.sold:
        begun = wishes[sale.service].begun(sale.at) if sale.service in wishes else None
        at, node = begun or (0.0, "")
        if any(start < at and sale.at < end for start, end in spans.get(node, ())):
            yield f"{sale.service} was sold while an end was unwritten"


def unwritten(history: History, node: str = "") -> Iterator[Interval]:
    """When the end of a purchase that a node's caller had been told was missing in the ledger.

    It was so between two samples that both miss it, as an end that is written stays.
    """
    told = {
        wish.service: wish.bought.at
        for wish in history.wishes
        if wish.bought and wish.bought.node == node
    }
    span: Interval | None = None
    for one, other in zip(history.samples, history.samples[1:], strict=False):
        missing = any(told.get(name, other.at) <= one.at for name in one.open & other.open)
        if missing and span is not None and span[1] == one.at:
            span = span[0], other.at
        elif missing:
            if span is not None:
                yield span
            span = one.at, other.at
    if span is not None:
        yield span


def given_back_twice(history: History) -> Iterator[str]:
    """A rental whose end was told twice, or of which more came back than it cost."""
    for rental, times in history.ends.items():
        if times > 1:
            yield f"the end of rental {rental} was told {times} times"
    for entry in history.entries:
        if entry.refunded > entry.charged:
            yield f"{entry.refunded} of {entry.charged} came back for {entry.service}"


def replaced_twice(history: History) -> Iterator[str]:
    """A number for which several were bought, or whose caller was told several."""
    sales = _by_service(history)
    for one in history.replacements:
        new = {sale.rental for sale in sales.get(one.wish.service, ())} - {one.old}
        told = {answer.rental for answer in one.answers if answer.told is Told.BOUGHT}
        if len(new) > 1:
            yield f"{one.old} of {_name(one.wish)} was replaced by {sorted(new)}"
        if len(told) > 1 or one.old in told:
            yield f"{one.old} of {_name(one.wish)} was answered with {sorted(map(str, told))}"


def wishes_lost(history: History) -> Iterator[str]:
    """A number that was told to be given back, got no code, and was not."""
    sales = {one.rental: one for one in history.sold}
    for one in history.given_up:
        sale = sales.get(one.rental)
        if sale is None or not (sale.refunded or sale.codes):
            yield f"{one.rental} of {one.key} was to be given back, and never was"


def books(history: History) -> Iterator[str]:
    """Where the ledger differs from the provider's books, or a caller was told otherwise."""
    sales, wishes = _by_service(history), {wish.service: wish for wish in history.wishes}
    charged: dict[str, Decimal] = defaultdict(Decimal)
    refunded: dict[str, Decimal] = defaultdict(Decimal)
    for entry in history.entries:
        charged[entry.service] += entry.charged
        refunded[entry.service] += entry.refunded
        if entry.state in _OPEN:
            yield f"the purchase of {entry.service} is still {entry.state}"
    for service in sorted(sales.keys() | charged.keys()):
        sold = sales.get(service, [])
        yield from _unequal(service, "charged", charged[service], sum(s.price for s in sold))
        yield from _unequal(service, "refunded", refunded[service], sum(s.refunded for s in sold))
        if sold and service in wishes and wishes[service].outcome is Told.REFUSED:
            yield f"{_name(wishes[service])} was told to be refused, and was charged"
    for one in history.replacements:
        if one.outcome is Told.REFUSED and len(sales.get(one.wish.service, ())) > 1:
            yield f"the replacement of {_name(one.wish)} was refused, and was charged"
    net = sum((one.price - one.refunded for one in history.sold), NOTHING)
    yield from _unequal("all callers", "spent", history.spent, net)


def _unequal(of: str, what: str, ledger: Decimal, provider: Decimal | int) -> Iterator[str]:
    if ledger != provider:
        yield f"{of}: {what} {ledger} by the ledger, {provider} by the provider"


def _by_service(history: History) -> Mapping[str, list[Sold]]:
    found: dict[str, list[Sold]] = defaultdict(list)
    for one in history.sold:
        found[one.service].append(one)
    return found


def _name(wish: Wish) -> str:
    return f"{wish.service} over {wish.face}"
