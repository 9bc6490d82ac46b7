import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from typing import get_args

import pytest

from adapters.store import Unstorable, open_store
from adapters.store.sql.statement import Statement
from adapters.store.sqlite import following
from adapters.store.tables import (
    balances,
    budget_alarms,
    budgets,
    checks,
    codes,
    counts,
    delivery,
    events,
    families,
    keys,
    limits,
    purchases,
    refunds,
    rentals,
    retention,
    settlement,
    usage,
    views,
    webhooks,
)
from gateway.core.model.usage import UsageGroup
from tests.support.ledger import new_id

# Keys are few; nodes' leases and places are forgotten in one go; what is open, unknown, wanted or
# has not ended is few, and all in an index of its own; and the newest purchases are read from the
# end of an index, up to a limit.
FEW = (
    "SCAN keys",
    "SCAN leases",
    "SCAN places",
    "SCAN due",  # those taken by the statement itself
    "SCAN family",  # a key and those it made, found by the statement itself
    "SCAN events_of_rental",  # found by the statement itself
    "SCAN spends USING INDEX spends_holding",
    "SCAN spends USING INDEX spends_handing_over",
    "SCAN spends USING INDEX sqlite_autoindex_spends_1",
    "SCAN things USING INDEX things_unended",
    "SCAN things USING INDEX things_cancels",
)
NARROWING = ("caller_id", "kind", "rental_id", "after", "before")
EVENT_PAGES = [
    frozenset(("account_id", *narrowed))
    for count in range(len(NARROWING) + 1)
    for narrowed in combinations(NARROWING, count)
]
FILTERS = ("caller_id", "status", "service_code", "number", "reference", "first", "before")
RENTAL_PAGES = [
    frozenset(("account_id", *narrowed))
    for count in range(len(FILTERS) + 1)
    for narrowed in combinations(FILTERS, count)
]
RANGES = {"first": ">", "before": "<"}
BOUNDS = {"after": ">", "before": "<"}
MODULES = (
    balances,
    budget_alarms,
    budgets,
    checks,
    codes,
    counts,
    delivery,
    events,
    families,
    following,
    keys,
    limits,
    purchases,
    refunds,
    rentals,
    retention,
    settlement,
    usage,
    views,
    webhooks,
)


def statements() -> Iterator[tuple[str, Statement]]:
    for module in MODULES:
        for name, found in vars(module).items():
            if isinstance(found, Statement):
                yield f"{module.__name__}.{name}", found
    for asked in RENTAL_PAGES:
        yield f"rentals by {sorted(asked)}", views._page(asked)
    for by in get_args(UsageGroup):
        for of_caller in (False, True):
            whose = "a caller" if of_caller else "the account"
            yield f"usage of {whose} by {by}", usage._sums(by, of_caller)
            yield f"not noted of {whose} by {by}", usage._not_noted(by, of_caller)
            yield f"next of {whose}", usage._next(of_caller)
    yield from ((f"sums of {callers}", budgets._add_to(callers)) for callers in (1, 2, 3))
    for asked in EVENT_PAGES:
        yield f"events by {sorted(asked)}", events._page(asked)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Migrated: of two indexes that serve as well, SQLite takes the one made last."""
    path = tmp_path_factory.mktemp("plans") / "x.db"

    async def migrate() -> None:
        async with open_store(f"sqlite:///{path}", new_id=new_id):
            pass

    asyncio.run(migrate())
    with closing(sqlite3.connect(path)) as opened:
        yield opened


@pytest.mark.parametrize("statement", [pytest.param(one, id=name) for name, one in statements()])
def test_no_statement_reads_a_whole_table(
    statement: Statement, connection: sqlite3.Connection
) -> None:
    compiled = statement.sqlite
    values = [compiled.fixed.get(name, 1) for name in compiled.names]

    plan = connection.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", values).fetchall()

    whole = [step for *_, step in plan if step.startswith("SCAN") and step not in FEW]
    assert [step for step in whole if "CONSTANT ROW" not in step] == []


def test_a_callers_page_does_not_read_the_accounts(connection: sqlite3.Connection) -> None:
    page = views._page(frozenset({"account_id", "caller_id", "before"})).sqlite

    plan = connection.execute(f"EXPLAIN QUERY PLAN {page.sql}", [1] * len(page.names)).fetchall()

    assert [step for *_, step in plan] == [
        "SEARCH things USING INDEX things_callers "
        "(account_id=? AND kind=? AND caller_id=? AND ledger_id<?)"
    ]


@pytest.mark.parametrize("asked", RENTAL_PAGES, ids=lambda asked: " ".join(sorted(asked)))
def test_a_page_of_rentals_reads_an_index_of_all_that_narrows_it(
    asked: frozenset[str], connection: sqlite3.Connection
) -> None:
    page = views._page(asked).sqlite
    values = [page.fixed.get(name, 1) for name in page.names]

    plan = connection.execute(f"EXPLAIN QUERY PLAN {page.sql}", values).fetchall()

    [only] = [step for *_, step in plan]
    index = "listed"
    if "reference" in asked:
        index = "reference"
    elif "caller_id" in asked:
        index = "callers"
    assert only.startswith(f"SEARCH things USING INDEX things_{index} (account_id=?")
    assert all(f"ledger_id{sign}?" in only for name, sign in RANGES.items() if name in asked)


@pytest.mark.parametrize("by", get_args(UsageGroup))
def test_the_usage_of_an_account_is_read_from_an_index_that_covers_it(
    by: UsageGroup, connection: sqlite3.Connection
) -> None:
    sums = usage._sums(by, False).sqlite

    plan = connection.execute(f"EXPLAIN QUERY PLAN {sums.sql}", [1] * len(sums.names)).fetchall()

    assert "SEARCH spends USING COVERING INDEX spends_usage (account_id=? AND at>? AND at<?)" in [
        step for *_, step in plan
    ]


@pytest.mark.parametrize("asked", EVENT_PAGES, ids=lambda asked: " ".join(sorted(asked)))
def test_a_page_of_events_reads_an_index_of_all_that_narrows_it(
    asked: frozenset[str], connection: sqlite3.Connection
) -> None:
    page = events._page(asked).sqlite
    values = [page.fixed.get(name, 1) for name in page.names]

    plan = connection.execute(f"EXPLAIN QUERY PLAN {page.sql}", values).fetchall()

    steps = [step for *_, step in plan]
    searched = [step for step in steps if step.startswith("SEARCH")]
    if "rental_id" in asked:
        known = "SEARCH events USING INDEX events_rental (account_id=? AND rental_id=?)"
        assert searched == [known, known]
        return
    [only] = steps
    assert all(f"{name}=?" in only for name in asked & {"caller_id", "kind"})
    assert all(f"id{sign}?" in only for name, sign in BOUNDS.items() if name in asked)


@pytest.mark.parametrize("value", ["a\0", "\udc80", 2**63, -(2**63) - 1])
def test_what_one_of_the_databases_would_refuse_is_refused(value: str | int) -> None:
    with pytest.raises(Unstorable):
        purchases._BY_ID.sqlite.bind({"ledger_id": value})


def test_a_value_not_given_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        purchases._BY_ID.postgres.bind({})
