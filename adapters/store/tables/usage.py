"""What became of purchases: written as it is learned, and summed up with what they cost."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    case,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)

from adapters.store.sql import codec
from adapters.store.sql.database import Database
from adapters.store.sql.schema import counting, holding, one_of, spends, things
from adapters.store.sql.statement import Row, Statement, Tx, number, text
from adapters.store.tables.families import Families
from gateway.core.model.callers import TEST_ACCOUNT_ID
from gateway.core.model.ledger_news import FirstCode
from gateway.core.model.purchases import View
from gateway.core.model.usage import Tally, UsageGroup

# A read is cut into pieces of so many purchases: in SQLite what is bought waits behind each of
# them. Those of one caller are not in an index that covers them.
_PIECE, _PIECE_OF_CALLER = 20_000, 5_000
_FIRST, _LAST = -(2**62), 2**62
_UNKNOWN_TIME = -4
_ENDS = {"cancelled": -1, "expired": -2, "completed": -3}
_OTHER_ENDS = [(status, end) for status, end in _ENDS.items() if status != "completed"]
_ENDED = {end: name for name, end in _ENDS.items()}


def _int(number: int) -> ColumnElement[int]:
    return literal_column(str(number), BigInteger())


_result = spends.c.result
_seconds = case(
    (
        number("code_at") > spends.c.at,
        (number("code_at") - spends.c.at) // _int(1_000_000),
    ),
    else_=_int(0),
)
_its = spends.c.ledger_id == text("spend_id")
_CODED = Statement(
    update(spends)
    .where(_its, or_(_result.is_(None), _result < _int(0), _result > _seconds))
    .values(result=_seconds)
)
_END = Statement(
    update(spends)
    .where(_its, or_(_result.is_(None), _result.between(_int(-3), _int(-1))))
    .values(result=number("end"))
)


async def note(tx: Tx, rental: Row | Mapping[str, Any], *, missed: bool = False) -> None:
    """Write down at its purchase when a rental's first code came, or how it ended without one.

    That outlives the code, which is deleted after a while. `missed`: a later code was noted before.
    """
    if rental["caller_id"] is None:
        return
    if rental["code"] is not None:
        at, came = rental["created_at"], rental["code_at"]
        first = await tx.execute(_CODED, spend_id=rental["ledger_id"], code_at=came)
        if first and not missed and at is not None and rental["account_id"] != TEST_ACCOUNT_ID:
            tx.news.append(FirstCode(max(0, came - at) / 1_000_000))
    elif (end := _ENDS.get(str(rental["status"]))) is not None:
        await tx.execute(_END, spend_id=rental["ledger_id"], end=end)


_read_code = select(things.c.ledger_id).where(
    things.c.code_at < number("before"), things.c.code.is_not(None)
)
_code_at = select(things.c.code_at).where(things.c.ledger_id == spends.c.ledger_id)
_waited = (_code_at.scalar_subquery() - spends.c.at) // _int(1_000_000)
NOTE_CODES = Statement(
    update(spends)
    .where(_result.is_(None), spends.c.ledger_id.in_(_read_code))
    .values(result=case((_waited > _int(0), _waited), else_=_int(0)))
)
"""Write down when codes came that are about to be deleted, where an earlier version read them."""

_GROUPS: Mapping[UsageGroup, ColumnElement[str] | ColumnElement[int]] = {
    "service": spends.c.service_code,
    "day": spends.c.at // _int(86_400_000_000),
    "key": spends.c.caller_id,
    "reference": spends.c.reference,
}


def _rounded(seconds: ColumnElement[int]) -> ColumnElement[int]:
    """By the second up to a minute, then by about a tenth; what is below 0 stays."""
    return case(
        (seconds < _int(60), seconds),
        (seconds < _int(600), seconds // _int(10) * _int(10) + _int(5)),
        else_=seconds // _int(60) * _int(60) + _int(30),
    )


_within = and_(spends.c.at >= number("since"), spends.c.at < number("until"))


def _of(view: View) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whose purchases: those bought in the view, and those that hold money for it."""
    bought = one_of(spends.c.state, "bought")
    if view.caller_id is None:
        account = spends.c.account_id == text("account_id")
        return and_(account, bought, _within), and_(account, holding, _within)
    caller = spends.c.caller_id == text("caller_id")
    return and_(caller, counting, bought, _within), and_(caller, holding, _within)


def _summed(column: ColumnElement[int]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(column), _int(0)), BigInteger)


@cache
def _sums(by: UsageGroup, of_caller: bool) -> Statement:
    """Both in one statement: a purchase that is bought meanwhile is in one of them, and once."""
    bought, held = _of(View("", "" if of_caller else None))
    group, none = _GROUPS[by].label("group_"), _int(0)
    rentals = _summed(case((spends.c.kind == literal_column("'rental'"), _int(1)), else_=none))
    charged, refunded = _summed(spends.c.charged), _summed(spends.c.refunded)
    first = select(
        group,
        _rounded(_result).label("came"),
        rentals.label("rentals"),
        charged.label("charged"),
        refunded.label("refunded"),
        none.label("reserved"),
    )
    second = select(group, cast(null(), BigInteger), none, none, none, _summed(spends.c.reserved))
    one, two = _int(1), _int(2)
    return Statement(
        union_all(first.where(bought).group_by(one, two), second.where(held).group_by(one))
    )


# Of rentals that an earlier version wrote. It deleted the codes of old ones: that such a one was
# completed tells that it had one.
_known_result = case(
    (things.c.code_at > spends.c.at, (things.c.code_at - spends.c.at) // _int(1_000_000)),
    (things.c.code_at.is_not(None), _int(0)),
    (one_of(things.c.status, "code_received", "completed"), _int(_UNKNOWN_TIME)),
    *((one_of(things.c.status, status), _int(end)) for status, end in _OTHER_ENDS),
    else_=cast(null(), BigInteger),
)


@cache
def _not_noted(by: UsageGroup, of_caller: bool) -> Statement:
    """What became of the rentals at whose purchases it is not written down."""
    bought, _ = _of(View("", "" if of_caller else None))
    rental = spends.c.kind == literal_column("'rental'")
    found = select(
        _GROUPS[by].label("group_"),
        _rounded(_known_result).label("came"),
        func.count().label("rentals"),
    ).join_from(spends, things, things.c.ledger_id == spends.c.ledger_id)
    return Statement(found.where(bought, rental, _result.is_(None)).group_by(_int(1), _int(2)))


@cache
def _next(of_caller: bool) -> Statement:
    """When the purchase was made with which the next piece begins."""
    bought, _ = _of(View("", "" if of_caller else None))
    page: Select[tuple[int]] = select(spends.c.at).where(bought).order_by(spends.c.at)
    return Statement(page.limit(_int(1)).offset(number("piece")))


async def tallies(
    database: Database,
    kin: Families,
    view: View,
    by: UsageGroup,
    since: datetime | None,
    until: datetime | None,
) -> Mapping[str | None, Tally]:
    """The tally of each group."""
    low = _FIRST if since is None else codec.to_instant(since)
    end = _LAST if until is None else codec.to_instant(until)
    found: dict[str | int | None, Tally] = {}
    for caller_id in await database.read(lambda tx: kin.of_view(tx, view, _themselves)):
        await _add_all(found, database, View(view.account_id, caller_id), by, low, end)
    if by == "day":
        return {_day(group): tally for group, tally in found.items()}
    return {group: tally for group, tally in found.items() if not isinstance(group, int)}


async def _themselves(callers: Sequence[str | None]) -> Sequence[str | None]:
    return callers


async def _add_all(
    found: dict[str | int | None, Tally],
    database: Database,
    whose: View,
    by: UsageGroup,
    low: int,
    end: int,
) -> None:
    """Add the tallies of one caller alone, or of an account, piece after piece."""
    while low < end:
        begin = low

        async def read(tx: Tx, begin: int = begin) -> tuple[int, dict[str | int | None, Tally]]:
            return await _piece(tx, whose, by, begin, end)

        low, piece = await database.read(read)
        for group, tally in piece.items():
            if (known := found.setdefault(group, tally)) is not tally:
                known.add(tally)


async def _piece(
    tx: Tx, view: View, by: UsageGroup, low: int, end: int
) -> tuple[int, dict[str | int | None, Tally]]:
    """The tallies of the first purchases, and when the next ones begin."""
    of_caller = view.caller_id is not None
    whose = {"account_id": view.account_id, "caller_id": view.caller_id}
    size = _PIECE_OF_CALLER if of_caller else _PIECE
    row = await tx.row(_next(of_caller), **whose, since=low, until=end, piece=size)
    high = end if row is None else max(row["at"], low + 1)
    found: dict[str | int | None, Tally] = {}
    some_not_noted = False
    for row in await tx.rows(_sums(by, of_caller), **whose, since=low, until=high):
        tally = found.setdefault(row["group_"], Tally())
        tally.rentals += row["rentals"]
        tally.charged += row["charged"]
        tally.refunded += row["refunded"]
        tally.reserved += row["reserved"]
        _count(tally, row)
        some_not_noted |= row["came"] is None and row["rentals"] > 0
    if some_not_noted:
        for row in await tx.rows(_not_noted(by, of_caller), **whose, since=low, until=high):
            _count(found.setdefault(row["group_"], Tally()), row)
    return high, found


def _count(tally: Tally, row: Row) -> None:
    """Count what became of so many rentals."""
    came, rentals = row["came"], row["rentals"]
    if came is None:
        return
    if came >= 0 or came == _UNKNOWN_TIME:
        tally.codes[None if came < 0 else came] += rentals
    else:
        ended = _ENDED[came]
        setattr(tally, ended, getattr(tally, ended) + rentals)


def _day(group: str | int | None) -> str:
    return (date(1970, 1, 1) + timedelta(days=int(group or 0))).isoformat()
