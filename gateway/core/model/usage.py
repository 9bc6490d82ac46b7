"""Usage: what purchases cost and what came of them, by group; values and inputs."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from gateway.core.model.moments import InstantAsked
from gateway.core.model.values import (
    CURRENCY,
    Currency,
    Frozen,
    Instant,
    LimitAsked,
    Usd,
    amount_of,
)

UsageGroup = Literal["service", "day", "key", "reference"]
FEWEST = 5  # rentals that tell something of a service


@dataclass(slots=True)
class Tally:
    """What a group of purchases came to. Amounts are in millionths of a dollar.

    `codes`: how many rentals got their first code after about so many seconds; None: after a time
    that is not known. Each rental counts as one with a code, cancelled, expired or completed, or as
    none of these yet.
    """

    rentals: int = 0
    charged: int = 0
    refunded: int = 0
    reserved: int = 0
    cancelled: int = 0
    expired: int = 0
    completed: int = 0
    codes: Counter[int | None] = field(default_factory=Counter)

    @property
    def net(self) -> int:
        """What was charged and did not come back."""
        return self.charged - self.refunded

    def add(self, other: "Tally") -> None:
        """Count what the other one counted."""
        for name in _COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.codes.update(other.codes)


def total_of(tallies: Collection[Tally]) -> Tally:
    """The tally of all of them together."""
    total = Tally(*(sum(getattr(each, name) for each in tallies) for name in _COUNTED))
    for each in tallies:
        if each.codes:
            total.codes.update(each.codes)
    return total


_COUNTED = ("rentals", "charged", "refunded", "reserved", "cancelled", "expired", "completed")


class UsageFigures(Frozen):
    """What all purchases cost, or those of a group, and what came of them."""

    rentals: int = Field(description="How many rentals were bought; long rentals are not counted.")
    codes: int = Field(description="How many of them got a code.")
    cancelled: int = Field(description="How many were cancelled without a code.")
    expired: int = Field(description="How many expired without a code.")
    charged: Usd = Field(description="What was charged, for long rentals and renewals too.")
    refunded: Usd = Field(description="What came back of that, whenever it did.")
    net: Usd = Field(description="charged less refunded.")
    reserved: Usd = Field(
        description="What is reserved besides, for purchases under way and of unknown outcome."
    )
    success_rate: float | None = Field(
        description="The share that got a code, of the rentals that got one or have ended; "
        "null under 5 rentals."
    )
    median_seconds: int | None = Field(
        description="Half of the codes came within about so many seconds; null under 5 rentals."
    )


class _Group(Frozen):
    group: str | None = Field(
        description="The service_code, the day in UTC, the key's id, or the reference; null: none."
    )
    name: str | None = Field(description="The key's name; null in other groups.")


class UsageRow(UsageFigures, _Group):
    """The figures of one group."""


class Usage(Frozen):
    """What purchases cost and what came of them, in all and by group."""

    group_by: UsageGroup = Field(description="By what the purchases are grouped.")
    since: Instant | None = Field(description="Only purchases from then on; null: from the first.")
    until: Instant | None = Field(description="Only purchases before that; null: up to now.")
    currency: Currency = Field(CURRENCY, description="The currency of every amount here.")
    total: UsageFigures
    data: list[UsageRow] = Field(
        description="The groups, the one with the highest net first; days newest first."
    )
    next_cursor: str | None = Field(
        None, description="Pass it as cursor for the next page; null on the last."
    )


class GetUsage(Frozen, defer_build=True):
    """The input of get_usage."""

    group_by: UsageGroup = Field("service", description="A row for each; key: for admin keys.")
    since: InstantAsked | None = Field(None, description="Only from this time on.")
    until: InstantAsked | None = Field(None, description="Only before this time.")
    limit: LimitAsked = Field(100, description="How many at the most.")
    cursor: Annotated[str, Field(pattern=r"^-?[0-9]{1,18}_([0-9a-f]{2}){0,401}$")] | None = Field(
        None, description="The last page's next_cursor."
    )


def figures(tally: Tally) -> UsageFigures:
    """The figures that a tally comes to."""
    codes = tally.codes.total()
    ended = codes + tally.cancelled + tally.expired + tally.completed
    few = tally.rentals < FEWEST
    return UsageFigures(
        rentals=tally.rentals,
        codes=codes,
        cancelled=tally.cancelled,
        expired=tally.expired,
        charged=amount_of(tally.charged),
        refunded=amount_of(tally.refunded),
        net=amount_of(tally.net),
        reserved=amount_of(tally.reserved),
        success_rate=None if few or not ended else round(codes / ended, 4),
        median_seconds=None if few else _median(tally.codes),
    )


def page_of(
    found: Mapping[str | None, Tally], asked: GetUsage
) -> tuple[list[tuple[str | None, Tally]], str | None]:
    """The groups of a page, and the cursor of the next one.

    A cursor is the place of the last group of its page: a group that does not change meanwhile is
    on one page, and only on one.
    """
    places = {_place(group, tally, asked.group_by): group for group, tally in found.items()}
    after = None if asked.cursor is None else _from_cursor(asked.cursor)
    rest = sorted(place for place in places if after is None or place > after)
    page = [(places[place], found[places[place]]) for place in rest[: asked.limit]]
    return page, _to_cursor(rest[asked.limit - 1]) if len(rest) > asked.limit else None


def _place(group: str | None, tally: Tally, by: UsageGroup) -> tuple[int, str]:
    """Where a group stands in the order."""
    if by == "day":
        return -int((group or "").replace("-", "")), ""
    return -tally.net, "" if group is None else f"={group}"


def _to_cursor(place: tuple[int, str]) -> str:
    return f"{place[0]}_{place[1].encode().hex()}"


def _from_cursor(cursor: str) -> tuple[int, str]:
    number, _, text = cursor.partition("_")
    return int(number), bytes.fromhex(text).decode(errors="replace")


def _median(codes: Counter[int | None]) -> int | None:
    """The lower median of the known times; None where there are none."""
    known = sorted((seconds, many) for seconds, many in codes.items() if seconds is not None)
    half, passed = (sum(many for _, many in known) + 1) // 2, 0
    for seconds, many in known:
        passed += many
        if passed >= half:
            return seconds
    return None
