"""What happened in a run: what callers asked for and were told, and what the books say of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

Interval = tuple[float, float]
NOTHING = Decimal(0)


class Told(Enum):
    """How a request for a purchase was answered."""

    BOUGHT = "bought"
    UNKNOWN = "unknown"  # it may have been charged
    REFUSED = "refused"  # it was not charged, and repeating it does not help
    AGAIN = "again"  # it was not charged, and may be repeated
    LOST = "lost"  # no answer came


DECIDED = (Told.BOUGHT, Told.UNKNOWN, Told.REFUSED)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a node; `rental` is the provider's id where something was bought."""

    at: float
    told: Told
    rental: int | None = None
    said: str = ""
    node: str = ""


@dataclass
class Wish:
    """One purchase that a caller wants, however often it has to ask.

    Nobody else asks for its `service`, so that every rental and every row can be traced to it.
    """

    service: str
    key: str
    face: str
    asked: list[float] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)  # that were asked, where there are several

    def begun(self, by: float) -> tuple[float, str] | None:
        """When and of which node it was asked for last, up to that time."""
        nodes = self.nodes or [""] * len(self.asked)
        return max(
            ((at, node) for at, node in zip(self.asked, nodes, strict=True) if at <= by),
            default=None,
        )

    @property
    def bought(self) -> Answer | None:
        """The first answer that named a rental."""
        return next((one for one in self.answers if one.told is Told.BOUGHT), None)

    @property
    def outcome(self) -> Told:
        """What its caller takes home: who never got a decision does not know."""
        if self.bought is not None:
            return Told.BOUGHT
        decided = [one.told for one in self.answers if one.told in DECIDED]
        return decided[-1] if decided else Told.UNKNOWN


@dataclass
class Replacement:
    """A silent number that its buyer wants replaced, however often it has to ask."""

    wish: Wish
    old: int
    answers: list[Answer] = field(default_factory=list)

    @property
    def outcome(self) -> Told:
        """As of a Wish."""
        return Wish(self.wish.service, self.wish.key, self.wish.face, answers=self.answers).outcome


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A rental of which a caller was told that it is cancelled, or will be."""

    key: str
    rental: int


@dataclass(frozen=True, slots=True)
class Sight:
    """A key was shown a rental, with its code where it had one."""

    at: float
    key: str
    rental: int
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Sold:
    """A rental in the provider's books; `codes` with the times at which they arrived."""

    rental: int
    service: str
    price: Decimal
    at: float
    refunded: Decimal = NOTHING
    codes: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A purchase in the gateway's ledger, after the unknown ones were settled by evidence."""

    service: str
    state: str
    charged: Decimal = NOTHING
    refunded: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Sample:
    """The services whose purchases had no end in the ledger at that time."""

    at: float
    open: frozenset[str]


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook when everything has come to rest.

    `told`: what list_events tells its key, by id. `queued`: how each delivery stood when the kills
    were over, before it was sent again by hand. `received`: the ids and bodies that its receiver
    has verified and written down, in their order.
    """

    name: str
    types: frozenset[str]
    service: str | None
    told: Mapping[str, Mapping[str, Any]]
    queued: Mapping[str, str]
    received: Sequence[tuple[str, str]]


@dataclass
class History:
    """All of one run. `spent` is the sum of what the ledger counts against its callers.

    `ends`: how often the end of a rental was told by an event. `broken`: promises that no other
    part of this shows, in words.
    """

    wishes: list[Wish] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    sold: list[Sold] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    spent: Decimal = NOTHING
    outages: list[Interval] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    replacements: list[Replacement] = field(default_factory=list)
    given_up: list[GivenUp] = field(default_factory=list)
    ends: Counter[int] = field(default_factory=Counter)
    hooks: list[Hook] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    runs: int = 0
    notes: list[str] = field(default_factory=list)
