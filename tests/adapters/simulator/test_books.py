"""Whatever customers do, in whatever order, the books add up."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from adapters.simulator.provider.config import DEMO_KEY, SimulatorConfig
from adapters.simulator.provider.provider import SimulatedProvider
from adapters.simulator.provider.records import NOTHING, Account, Rental
from adapters.simulator.provider.refusals import Refusal
from adapters.simulator.wire.calls import CALLS
from tests.adapters.simulator.support import CHEAP, Clock, config

DO = {call.name: call.do for call in CALLS}
IDS = st.integers(12345, 12350)
STEPS = st.one_of(
    st.tuples(
        st.just("rent-a-number"),
        st.fixed_dictionaries(
            {"service": st.sampled_from(["whatsapp", "cheap", "telegram"])},
            optional={"carrier": st.just("at&t"), "area_codes": st.just("212")},
        ),
    ),
    st.tuples(st.sampled_from(["cancel-rental", "completed"]), st.builds(lambda i: {"id": i}, IDS)),
    st.tuples(st.just("re-rent"), st.builds(lambda i: {"rental_id": i}, IDS)),
    st.tuples(st.just("create-long-rental"), st.just({"rental_time": "1w", "auto_renew": True})),
    st.tuples(st.just("update-long-rental"), st.just({"id": 1, "action": "renew"})),
    st.tuples(st.just("time"), st.sampled_from([{"seconds": s} for s in (1, 60, 301, 700_000)])),
)


def ignore(_account: Account, _rental: Rental) -> None:
    """Ignores codes that arrive."""


def take_step(provider: SimulatedProvider, name: str, fields: dict[str, object]) -> None:
    if name == "time":
        provider.timeline.push_forward(float(str(fields["seconds"])))
        provider.timeline.catch_up()
        return
    try:
        DO[name](provider, provider.books.account(DEMO_KEY), fields)
    except Refusal:
        return


@given(st.lists(STEPS, max_size=30))
def test_every_cent_is_accounted_for(steps: list[tuple[str, dict[str, object]]]) -> None:
    settings: SimulatorConfig = config(Clock())
    provider = SimulatedProvider(settings, ignore)
    for name, fields in steps:
        take_step(provider, name, fields)
    account, rentals = provider.books.accounts[DEMO_KEY], provider.books.rentals.values()
    paid = sum((r.price for r in rentals), NOTHING)
    paid += sum((r.paid for r in provider.books.long_rentals.values()), NOTHING)
    stock = provider.catalogue.find("cheap").stock

    assert account.spent == paid
    assert account.refunded == sum((r.refunded for r in rentals), NOTHING)
    assert account.balance == Decimal("113.87") - account.spent + account.refunded
    assert account.balance >= NOTHING
    assert account.active_rentals == sum(r.active for r in rentals)
    assert stock is not None
    assert 0 <= stock <= (CHEAP.stock or 0)
