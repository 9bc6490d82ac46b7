"""Whatever happens in whatever order: the running sums are the sums over the purchases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.store import open_store
from gateway.core.model.callers import Limits
from gateway.core.model.purchases import OPEN, Outcome, Spend, SpendState
from gateway.core.model.rentals import RentalStatus
from gateway.core.ports.ledger import Ledger
from tests.support.ledger import NOW, bought, intent, new_id, rental

CALLERS = ("ann", "bob")
DAYS = (NOW, NOW + timedelta(days=1))
BUDGET = Limits(budget_day=Decimal("2.00"), budget_total=Decimal("3.00"), max_active=4)
AMOUNTS = st.sampled_from([None, Decimal(0), Decimal("0.1"), Decimal("0.333333"), Decimal("1.5")])
ENDS = [SpendState.BOUGHT, SpendState.REFUSED, SpendState.RELEASED, SpendState.UNKNOWN]
BEGIN = st.tuples(
    st.just("begin"),
    st.sampled_from(CALLERS),
    st.sampled_from(DAYS),
    AMOUNTS,
    st.sampled_from([None, "r1", "r2"]),
)
SEND = st.tuples(st.just("send"), st.integers(0, 9))
SETTLE = st.tuples(st.just("settle"), st.integers(0, 9), st.sampled_from(ENDS), AMOUNTS)
RECORD = st.tuples(st.just("record"), st.integers(0, 9), st.sampled_from(list(RentalStatus)))
STEPS = st.lists(st.one_of(BEGIN, SEND, SETTLE, RECORD), min_size=5, max_size=40)


class Story:
    """Steps done to a ledger; purchases are called by the order in which they began."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.begun: list[str] = []

    async def begin(
        self, caller: str, at: datetime, reserved: Decimal | None, request_id: str | None
    ) -> None:
        wanted = intent(
            at, caller_id=caller, reserved=reserved, request_id=request_id, limits=BUDGET
        )
        if await self.ledger.begin(wanted) is None:
            self.begun.append(wanted.ledger_id)

    async def send(self, number: int) -> None:
        if number < len(self.begun):
            await self.ledger.mark_sent(self.begun[number], NOW)

    async def settle(self, number: int, state: SpendState, price: Decimal | None) -> None:
        if number < len(self.begun):
            outcome = Outcome(state)
            if state is SpendState.BOUGHT:
                outcome = bought(rental(number + 1, price=price))
            await self.ledger.settle(self.begun[number], outcome, NOW)

    async def record(self, number: int, status: RentalStatus) -> None:
        await self.ledger.record("account", rental(number + 1, status=status), NOW)

    async def check(self) -> None:
        found = [await self.ledger.spend(ledger_id) for ledger_id in self.begun]
        spends = [spend for spend in found if spend is not None]
        for caller in CALLERS:
            his = [spend for spend in spends if spend.caller_id == caller]
            for day in DAYS:
                sums = await self.ledger.spending(caller, day)
                that_day = [spend for spend in his if spend.at == day]
                assert sums.today == sum(map(counted, that_day))
                assert sums.total == sum(map(counted, his))
                assert min(map(counted, his), default=0) >= 0


def counted(spend: Spend) -> Decimal:
    if spend.state in (*OPEN, SpendState.UNKNOWN):
        return spend.reserved or Decimal(0)
    return (spend.charged or Decimal(0)) - spend.refunded


@asynccontextmanager
async def fresh(url: str | None) -> AsyncIterator[Ledger]:
    if url is not None:
        async with open_store(url, new_id=new_id) as store:
            yield store.ledger
        return
    with TemporaryDirectory() as folder:
        async with open_store(f"sqlite:///{Path(folder) / 'x.db'}", new_id=new_id) as store:
            yield store.ledger


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_sums_are_sums(
    kind: str, request: pytest.FixtureRequest, steps: list[tuple[str, ...]]
) -> None:
    url: str | None = None
    if kind == "postgres":
        url = request.getfixturevalue("postgres_url")
        request.getfixturevalue("postgres").empty(url)

    asyncio.run(play(url, steps))


async def play(url: str | None, steps: list[tuple[str, ...]]) -> None:
    async with fresh(url) as ledger:
        story = Story(ledger)
        for name, *given in steps:
            await getattr(story, name)(*given)
        await story.check()


async def test_sums_are_sums_when_all_happens_at_once(ledger: Ledger) -> None:
    async def one(number: int) -> str:
        wanted = intent(
            DAYS[number % 2], caller_id=CALLERS[number % 3 % 2], reserved=Decimal(number) / 7,
            ledger_id=f"{number:04d}-{uuid4().hex}",
        )  # fmt: skip
        await ledger.begin(wanted)
        price = rental(number + 1, price=Decimal(number) / 9)
        outcome = bought(price) if number % 5 else Outcome(ENDS[number // 5 % 4])
        await ledger.settle(wanted.ledger_id, outcome, NOW)
        if number % 4 == 0:
            cancelled = rental(number + 1, status=RentalStatus.CANCELLED)
            await ledger.record("account", cancelled, NOW)
        return wanted.ledger_id

    story = Story(ledger)
    story.begun = await asyncio.gather(*map(one, range(120)))

    await story.check()
