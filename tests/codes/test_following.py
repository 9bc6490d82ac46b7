"""Rentals that nobody waits for, over HTTP: their codes and ends appear by themselves."""

import asyncio
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from gateway.core.codes import following, poll_schedule, poller
from tests.codes.support import listening_to, premium, provider, rent, standard, status_calls
from tests.support.gateway import Client, Stand, run_gateway, run_simulated
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("codes_on_postgres")


SECRET = "the same secret for all of the nodes"


@pytest.fixture(autouse=True)
def quick_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of a quarter of a second in place of half a minute."""
    monkeypatch.setattr(following, "_LOOK_EVERY", 0.2)
    monkeypatch.setattr(poller, "_FIRST_SLOW", 0.2)
    monkeypatch.setattr(poll_schedule, "_SLOW_INTERVALS", ((1e9, 0.25),))


async def listed(client: Client, **filters: str) -> dict[int, dict[str, Any]]:
    """list_rentals, which asks the provider nothing, by id."""
    answer = await client.get("/v1/rentals", **filters)
    assert answer.status == 200, answer.body
    return {row["id"]: row for row in answer.json["data"]}


def is_now(client: Client, rental: int, status: str) -> Any:
    async def check() -> bool:
        row = (await listed(client))[rental]
        return bool(row["status"] == status)

    return check


async def test_a_code_and_an_end_that_nobody_waits_for_are_listed_and_told(store_url: str) -> None:
    async with premium(gateway_database_url=store_url, gateway_secret=SECRET) as stand:
        rental = await rent(stand.client)
        stand.sim.receive_code(rental, "012345")
        await until(is_now(stand.client, rental, "code_received"))
        stand.sim.provider.renting.expire(rental, stand.sim.provider.timeline.now())
        await until(is_now(stand.client, rental, "completed"))
        row = (await listed(stand.client))[rental]
        asked = status_calls(stand)
        async with listening_to(stand.client, Last_Event_ID="0") as stream:
            kinds = [(await stream.event()).kind for _ in range(3)]
        await until(lambda: not stand.gateway.core.services.poller._schedules)

    assert row["code"] == "012345"
    assert kinds == ["rental.created", "rental.code_received", "rental.ended"]
    assert status_calls(stand) == asked  # it is over
    assert stand.sim.violations == 0


async def test_what_was_bought_before_a_restart_is_followed_after_it(store_url: str) -> None:
    terms = {
        "gateway_database_url": store_url,
        "gateway_secret": SECRET,
        "getatext_api_key": DEMO_KEY,
    }
    async with run_simulated(provider(), **terms) as stand:
        await stand.gateway.core.following.close()  # it sells, and is gone before it follows
        rental = await rent(stand.client)
        stand.sim.provider.renting.expire(rental, stand.sim.provider.timeline.now())
        asked = status_calls(stand)
        async with run_gateway(stand.sim.url, **terms) as again:
            await until(is_now(again.client, rental, "expired"))
        seen = await listed(stand.client)

    assert asked == 0
    assert status_calls(stand) >= 1
    assert seen[rental]["status"] == "expired"


async def test_an_account_known_only_by_a_hash_is_followed_once_its_key_is_seen(
    store_url: str,
) -> None:
    async with run_simulated(
        provider(), gateway_database_url=store_url, gateway_secret=SECRET
    ) as stand:
        await stand.gateway.core.following.close()  # it sells, and is gone before it follows
        rental = await rent(stand.client)
        stand.sim.provider.renting.expire(rental, stand.sim.provider.timeline.now())
        async with run_gateway(
            stand.sim.url, gateway_database_url=store_url, gateway_secret=SECRET
        ) as again:
            ledger, asked = again.gateway.ledger, status_calls(stand)
            await again.gateway.core.following.look()
            (account,) = await ledger.accounts_with_unended()
            unseen = status_calls(stand) - asked
            await until(is_now(again.client, rental, "expired"))
            left = await ledger.unended(account)

    assert unseen == 0
    assert left == []


async def test_one_of_two_nodes_follows_and_the_other_after_it(store_url: str) -> None:
    terms = {
        "gateway_database_url": store_url,
        "gateway_secret": SECRET,
        "getatext_api_key": DEMO_KEY,
    }
    async with (
        run_simulated(provider(), **terms) as one,
        run_gateway(one.sim.url, **terms) as other,
    ):
        rental = await rent(one.client)
        nodes = (one.gateway.core, other.gateway.core)
        await until(lambda: any(node.services.poller._schedules for node in nodes))
        await asyncio.gather(*(node.following.look() for node in nodes))
        following_now = [bool(node.services.poller._schedules) for node in nodes]
        first = nodes[following_now.index(True)]
        await first.following.close()
        await first.services.poller.close()
        stand = one if first is other.gateway.core else other
        one.sim.receive_code(rental, "000042")
        await until(is_now(stand.client, rental, "code_received"))

    assert sorted(following_now) == [False, True]


async def test_a_provider_that_knows_it_no_more_ends_it_without_a_refund(
    monkeypatch: pytest.MonkeyPatch, store_url: str
) -> None:
    monkeypatch.setattr(poll_schedule, "SURELY_OVER", -3600.0)  # by an hour's duration at the most
    monkeypatch.setattr(poll_schedule, "_MISSING_AGAIN", 0.5)
    missing = Fault(
        "rental-status-premium", FaultKind.STATUS, None, 404, '{"errors":"Rental not found"}'
    )
    async with premium(
        gateway_database_url=store_url, gateway_secret=SECRET, getatext_expiry_refunds=True
    ) as stand:
        stand.sim.script(missing)
        rental = await rent(stand.client)
        await until(is_now(stand.client, rental, "expired"))
        asked = status_calls(stand)
        balance = (await stand.client.get("/v1/balance")).json
        row = (await listed(stand.client))[rental]

    assert asked >= 2
    assert balance["spent_total"] == row["price"] == "0.55"
    assert row["refunded"] is None


async def test_slow_rounds_keep_the_limit(store_url: str) -> None:
    async with standard(gateway_database_url=store_url, gateway_secret=SECRET) as stand:
        rentals = [await rent(stand.client) for _ in range(4)]
        for rental in rentals:
            stand.sim.receive_code(rental, f"00{rental}")
        await until(all_have_codes(stand, rentals))

    assert stand.sim.violations == 0


def all_have_codes(stand: Stand, rentals: list[int]) -> Any:
    async def check() -> bool:
        rows = await listed(stand.client)
        return all(rows[rental]["code"] for rental in rentals)

    return check
