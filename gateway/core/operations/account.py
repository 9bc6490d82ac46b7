"""The operations that read balance, spending and usage."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import Decimal

from gateway.core.model.account import BalanceAndSpending, Nothing, left
from gateway.core.model.callers import GatewayKey, Limits, caller_id
from gateway.core.model.errors import Forbidden, LedgerUnavailable
from gateway.core.model.purchases import Spent
from gateway.core.model.upstream_call import Effect
from gateway.core.model.usage import (
    GetUsage,
    Tally,
    Usage,
    UsageGroup,
    UsageRow,
    figures,
    page_of,
    total_of,
)
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation, Rest
from gateway.core.upstream.calls import BALANCE


async def _get_balance(context: Context, asked: Nothing) -> BalanceAndSpending:
    services = context.services
    held = await context.upstream.ask(BALANCE, asked)
    caller, now = context.caller, services.clock.now()
    counted = [(caller.id, caller.limits or Limits())]
    counted += [(above.caller_id, above.limits) for above in caller.ancestors]
    spent = list[Spent]()
    with suppress(LedgerUnavailable):  # the provider's answer is worth having without them
        spent = [await services.ledger.spending(each, now) for each, _ in counted]
    of_each = [(limits, its) for (_, limits), its in zip(counted, spent, strict=False)]
    return BalanceAndSpending(
        balance=held.balance,
        currency=held.currency,
        spent_today=spent[0].today if spent else None,
        spent_total=spent[0].total if spent else None,
        left_today=_least(left(limits.budget_day, its.today) for limits, its in of_each),
        left_total=_least(left(limits.budget_total, its.total) for limits, its in of_each),
    )


def _least(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """What is left of a key's budget, and of those of the keys that it was made by."""
    return min((amount for amount in amounts if amount is not None), default=None)


GET_BALANCE = Operation(
    name="get_balance",
    summary="Read the account's balance and this key's spending",
    description="With what this key may still spend, in US dollars.",
    takes=Nothing,
    gives=BalanceAndSpending,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/balance"),
    run=_get_balance,
    toolset="account",
    calls=(BALANCE,),
)


async def _get_usage(context: Context, asked: GetUsage) -> Usage:
    by, names = asked.group_by, dict[str, GatewayKey]()
    if by == "key":
        names = {caller_id(key): key for key in await context.keys("group_by key")}
    ledger = context.services.ledger
    found = await ledger.usage(context.view, by, asked.since, asked.until)
    page, further = page_of(found, asked)
    return Usage(
        group_by=by,
        since=asked.since,
        until=asked.until,
        total=figures(total_of(found.values())),
        data=[_row(group, tally, names, by) for group, tally in page],
        next_cursor=further,
    )


def _row(
    group: str | None, tally: Tally, keys: Mapping[str, GatewayKey], by: UsageGroup
) -> UsageRow:
    """The row of a group. The callers behind keys are told by these; others brought their own."""
    known = dict(figures(tally))
    if by != "key":
        return UsageRow(group=group, name=None, **known)
    key = keys.get(group or "")
    return UsageRow(group=key.id if key else None, name=key.name if key else None, **known)


GET_USAGE = Operation(
    name="get_usage",
    summary="Read what was spent, and how many codes it brought",
    description=(
        "Of what this key bought, or all of its account. A refund counts on the day (UTC) of its "
        "purchase."
    ),
    takes=GetUsage,
    gives=Usage,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/usage"),
    run=_get_usage,
    toolset="account",
    errors=(Forbidden,),
)

OPERATIONS = (GET_BALANCE, GET_USAGE)
