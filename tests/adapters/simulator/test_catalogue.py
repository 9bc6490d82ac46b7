"""The generated price list, and numbers."""

from collections import Counter
from decimal import Decimal

from adapters.simulator import Simulator
from adapters.simulator.provider.catalogue import generate
from adapters.simulator.provider.numbers import Numbers
from tests.adapters.simulator.support import Clock, config

SERVICES = generate(450, seed=1)


def test_it_is_the_same_every_time() -> None:
    assert generate(450, seed=1) == SERVICES
    assert generate(450, seed=2) != SERVICES


def test_names_are_unique_and_begin_with_the_well_known() -> None:
    names = [service.api_name for service in SERVICES]

    assert len(names) == len(set(names)) == 450
    assert names[:4] == ["whatsapp", "telegram", "google", "instagram/threads"]
    assert {"openai", "discord", "tiktok", "other"} <= set(names)


def test_prices_times_and_stocks_are_plausible() -> None:
    stocks = Counter(
        "none" if s.stock == 0 else "unknown" if s.stock is None else "some" for s in SERVICES
    )

    assert all(Decimal("0.10") <= s.price <= Decimal("3.00") for s in SERVICES)
    assert all(5 <= s.ttl_minutes <= 20 for s in SERVICES)
    assert min(stocks["none"], stocks["unknown"], stocks["some"]) > 20
    assert any(s.multiple_sms for s in SERVICES)


def test_no_number_is_handed_out_twice() -> None:
    numbers = Numbers()
    numbers.reserve("6466999999")
    drawn = [numbers.draw("646" if turn % 3 else None) for turn in range(20_000)]

    assert len(set(drawn)) == len(drawn)
    assert "6466999999" not in drawn
    assert all(len(number) == 10 and number[3] not in "01" for number in drawn)


async def test_services_without_stock_stay_so_when_it_starts_over(clock: Clock) -> None:
    async with Simulator(config(clock, no_stock=frozenset({"whatsapp", "cheap"}))).running() as sim:
        sim.change(services={"whatsapp": {"stock": 5}})
        sim.reset()
        stocks = {each.api_name: each.stock for each in sim.provider.catalogue}

    assert (stocks["whatsapp"], stocks["cheap"]) == (0, 0)
    assert stocks["telegram"] != 0
