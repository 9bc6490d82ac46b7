"""Purchases: writing them down before they are sent, and finding them again."""

from collections.abc import Sequence

from sqlalchemy import and_, literal_column, not_, or_, select, update

from adapters.store.sql import codec
from adapters.store.sql.schema import counting, holding, one_of, spends, things, wanted
from adapters.store.sql.statement import Row, Statement, Tx, Upsert, Value, like, number, text
from adapters.store.tables import budgets, codes, limits, replacements
from gateway.core.model.callers import Limits
from gateway.core.model.hindrances import REPEATED_WITHIN, Duplicate, Hindrance
from gateway.core.model.purchases import Intent, Spend, SpendState

_WRITTEN = (
    "ledger_id", "operation", "kind", "account_id", "caller_id", "request_id", "fingerprint",
    "subject_id", "service_code", "state", "reserved", "refunded", "at", "active_until", "owner",
    "sees_account", "reference", "wishes", "over_mcp", "ancestors",
)  # fmt: skip
_INSERT = Upsert(
    spends,
    {name: like(spends.c[name]) for name in _WRITTEN},
    lambda new: new.on_conflict_do_nothing(
        index_elements=[spends.c.caller_id, spends.c.request_id],
        index_where=spends.c.request_id.is_not(None),
    ),
)
_MARK_SENT = Statement(
    update(spends)
    .where(spends.c.ledger_id == text("ledger_id_"), one_of(spends.c.state, "intended"))
    .values(state=literal_column("'sent'"), sent_at=number("at_"))
)

_bought = one_of(spends.c.state, "bought")
# Silent: it may still get a code, and nobody wants it cancelled.
_silent_rental = and_(
    _bought,
    things.c.kind == literal_column("'rental'"),
    one_of(things.c.status, "active"),
    things.c.active_until > number("at"),
    not_(codes.has_codes),
    things.c.code.is_(None),
    not_(wanted),
)
_held_long_rental = and_(
    _bought,
    spends.c.kind == literal_column("'long_rental'"),
    or_(things.c.status.is_(None), one_of(things.c.status, "active")),  # absent: a renewal
)
_REPEATED = Statement(
    select(spends.c.state, spends.c.subject_id, things.c.provider_id)
    .select_from(spends.outerjoin(things, things.c.ledger_id == spends.c.ledger_id))
    .where(
        spends.c.caller_id == text("caller"),
        spends.c.at >= number("since"),
        counting,
        spends.c.over_mcp.is_not(None),
        or_(spends.c.service_code == text("service"), spends.c.fingerprint == text("same")),
        or_(holding, _silent_rental, _held_long_rental),
    )
    .order_by(spends.c.ledger_id.desc())
    .limit(literal_column("1"))
)

_BY_ID = Statement(select(spends).where(spends.c.ledger_id == text("ledger_id")))
_BY_REQUEST = Statement(
    select(spends).where(
        spends.c.caller_id == text("caller_id"), spends.c.request_id == text("request_id")
    )
)


class Rejected(Exception):
    """A purchase that may not begin: raised, so that the whole transaction is rolled back."""

    def __init__(self, answer: Spend | Hindrance) -> None:
        """`answer`: what `Ledger.begin` returns in its place."""
        super().__init__(answer)
        self.answer = answer


class JustFreed(Exception):
    """The request id was taken and let go at the same moment: nothing was written, try again."""


def counts(intent: Intent) -> bool:
    """Whether it changes sums or is checked by the ledger, and so must run after the others."""
    if intent.unrepeated or intent.ancestors or intent.replaces is not None:
        return True
    its = intent.limits or Limits()
    limited = (
        its.budget_day,
        its.budget_total,
        its.max_active,
        its.max_per_day,
        intent.account_budget_day,
    )
    return intent.reserved is not None or any(limit is not None for limit in limited)


async def put(tx: Tx, intent: Intent, owner: str) -> bool:
    """One statement: write it down, unchecked; False where its request id is taken."""
    return await tx.execute(_INSERT, **_columns(intent), owner=owner) == 1


async def begin(tx: Tx, intent: Intent, owner: str) -> None:
    """Reserve its money, check it against the limits, write it down. Raises Rejected."""
    at, amount = codec.to_instant(intent.at), codec.to_micros(intent.reserved)
    replaced = intent.replaces and await replacements.lock(tx, intent.account_id, intent.replaces)
    # Before all else: from here on no other purchase of this account runs that counts.
    sums = await budgets.add(tx, intent.counted_by, intent.account_id, at, amount or 0)
    if intent.request_id is not None:
        before = await by_request(tx, intent.caller_id, intent.request_id)
        if before is not None:
            raise Rejected(before)
    passed: Hindrance | None = None
    if replaced:
        passed = await replacements.breach(tx, replaced)
    passed = passed or await _breach(tx, intent, sums)
    if passed is not None:
        raise Rejected(passed)
    if not await put(tx, intent, owner):  # one that does not count has just come in between
        raise Rejected(await _same_request(tx, intent))


async def breach(tx: Tx, intent: Intent) -> Hindrance | None:
    """The limit that it would exceed now; nothing is written."""
    at, amount = codec.to_instant(intent.at), codec.to_micros(intent.reserved) or 0
    sums = await budgets.known(tx, intent.counted_by, intent.account_id, at)
    return await _breach(tx, intent, [each.plus(amount) for each in sums])


async def _breach(tx: Tx, intent: Intent, sums: Sequence[budgets.Sums]) -> Hindrance | None:
    repeated = await _repeated(tx, intent) if intent.unrepeated else None
    limited = intent.limits or intent.ancestors or intent.account_budget_day is not None
    if repeated or not limited:
        return repeated
    return await limits.passed(tx, intent, sums)


async def _repeated(tx: Tx, intent: Intent) -> Duplicate | None:
    """The caller's earlier purchase over MCP that this one would repeat."""
    row = await tx.row(
        _REPEATED,
        caller=intent.caller_id,
        at=codec.to_instant(intent.at),
        since=codec.to_instant(intent.at - REPEATED_WITHIN),
        service=intent.service_code if intent.kind == "rental" else None,
        same=intent.fingerprint,
    )
    if row is None:
        return None
    renewed = row["subject_id"] if intent.kind == "long_rental" else None
    return Duplicate(SpendState(row["state"]), row["provider_id"] or renewed)


async def _same_request(tx: Tx, intent: Intent) -> Spend:
    before = await by_request(tx, intent.caller_id, intent.request_id or "")
    if before is None:
        raise JustFreed
    return before


def _columns(intent: Intent) -> dict[str, Value]:
    return {
        "ledger_id": intent.ledger_id,
        "operation": intent.operation,
        "kind": intent.kind,
        "account_id": intent.account_id,
        "caller_id": intent.caller_id,
        "request_id": intent.request_id,
        "fingerprint": intent.fingerprint,
        "subject_id": intent.subject_id,
        "service_code": intent.service_code,
        "state": SpendState.INTENDED.value,
        "reserved": codec.to_micros(intent.reserved),
        "refunded": 0,
        "at": codec.to_instant(intent.at),
        "active_until": codec.to_instant(intent.active_until),
        "sees_account": int(intent.sees_account),
        "reference": intent.reference,
        "wishes": intent.wishes,
        "over_mcp": 1 if intent.over_mcp else None,
        "ancestors": " ".join(intent.counted_by[1:]) or None,
    }


async def mark_sent(tx: Tx, ledger_id: str, at: int) -> bool:
    """One statement: from intended to sent; False where it is not intended any more."""
    return await tx.execute(_MARK_SENT, ledger_id_=ledger_id, at_=at) == 1


async def by_id(tx: Tx, ledger_id: str) -> Spend | None:
    """The purchase with this ledger_id."""
    return _spend(await tx.row(_BY_ID, ledger_id=ledger_id))


async def of_rental(tx: Tx, account_id: str, rental_id: int) -> Spend | None:
    """The purchase that brought a rental."""
    return _spend(await replacements.purchase_of(tx, account_id, rental_id))


async def by_request(tx: Tx, caller_id: str, request_id: str) -> Spend | None:
    """The caller's purchase under this request id."""
    return _spend(await tx.row(_BY_REQUEST, caller_id=caller_id, request_id=request_id))


def _spend(row: Row | None) -> Spend | None:
    return None if row is None else codec.spend(row)
