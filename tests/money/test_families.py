"""Keys that other keys made: one budget above them, and one view over what they bought."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.codes.support import listening_to
from tests.money.test_visibility import bought, ids, long_ids
from tests.support.gateway import new_database
from tests.support.money import Bank, rent
from tests.webhooks.support import Post, at_rest, post_office, verified

LIMITS = [
    (
        {"budget_day": Decimal("0.60")},
        "budget_exceeded",
        "The purchase would pass the budget of 0.60 USD for today (UTC) of the key that this one "
        "was made by.",
    ),
    (
        {"budget_total": Decimal("0.60")},
        "budget_exceeded",
        "The purchase would pass the whole budget of 0.60 USD of the key that this one was made "
        "by.",
    ),
    (
        {"max_per_day": 1},
        "budget_exceeded",
        "The key that this one was made by may make 1 purchases a day (UTC), with those of the "
        "keys it made, and made them.",
    ),
    (
        {"max_active": 1},
        "too_many_active_rentals",
        "The key that this one was made by may have 1 active rentals, with those of the keys it "
        "made, and has them.",
    ),
]


@pytest.mark.parametrize(("limits", "code", "said"), LIMITS)
async def test_a_limit_above_refuses_and_says_whose_it_is(
    bank: Bank, limits: dict[str, int], code: str, said: str
) -> None:
    parent = await bank.with_key(**limits)
    child, sibling = await bank.child_of(parent), await bank.child_of(parent)
    assert (await rent(sibling)).status == 201

    refused = await rent(child)

    assert (refused.json["code"], refused.json["charged"]) == (code, "no")
    assert refused.json["detail"].startswith(said)
    assert bank.rents == 1


async def test_a_limit_further_above_refuses_too(bank: Bank) -> None:
    top = await bank.with_key(budget_total=Decimal(0))
    grandchild = await bank.child_of(await bank.child_of(top))

    refused = await rent(grandchild)

    assert "of a key above the one that made it." in refused.json["detail"]


async def test_a_refund_makes_room_in_the_budget_above(bank: Bank) -> None:
    parent = await bank.with_key(budget_total=Decimal("0.60"))
    child = await bank.child_of(parent)
    rental_id = await bought(child)
    assert (await rent(parent)).status == 403

    assert (await parent.post(f"/v1/rentals/{rental_id}/cancel")).status == 200

    assert (await child.get("/v1/balance")).json["left_total"] == "0.60"
    assert (await rent(parent)).status == 201
    balances = [(await each.get("/v1/balance")).json for each in (parent, child)]
    assert [each["spent_total"] for each in balances] == ["0.55", "0.00"]
    assert [each["left_total"] for each in balances] == ["0.05", "0.05"]


async def test_who_made_a_key_sees_and_changes_what_it_bought(bank: Bank) -> None:
    parent = await bank.with_key()
    child, sibling = await bank.child_of(parent), await bank.child_of(parent)
    own, first, second = await bought(parent), await bought(child), await bought(sibling)
    for each in (parent, child):
        await each.post("/v1/long-rentals", {"period": "1w"})

    assert await ids(parent) == [second, first, own]
    assert await ids(child) == [first]
    assert sorted(await long_ids(parent)) == [1, 2]
    assert await long_ids(child) == [2]
    assert (await parent.post(f"/v1/rentals/{first}/cancel")).status == 200
    assert (await parent.get(f"/v1/rentals/{first}")).json["status"] == "cancelled"
    for hidden in (own, second):
        assert (await child.post(f"/v1/rentals/{hidden}/cancel")).status == 404
        assert (await child.get(f"/v1/rentals/{hidden}")).status == 404


async def test_usage_of_a_family_is_told_by_key(bank: Bank) -> None:
    parent = await bank.with_key()
    child = await bank.child_of(parent)
    mine, its = await bought(parent), await bought(child)

    told = await parent.get("/v1/usage", group_by="key")
    refused = await child.get("/v1/usage", group_by="key")

    assert told.json["total"]["charged"] == "1.10"
    groups = [row["group"] for row in told.json["data"]]
    assert sorted([await ids(parent, key=group) for group in groups]) == [[its], [its, mine]]
    assert refused.status == 403


async def test_a_stream_tells_of_keys_made_while_it_is_open(bank: Bank) -> None:
    parent = await bank.with_key()
    other = await bank.child_of(await bank.with_key())
    async with listening_to(parent) as stream, listening_to(other) as apart:
        child = await bank.child_of(await bank.child_of(parent))
        rental_id = await bought(child)
        told = await stream.event()
        theirs = await bought(other)
        told_apart = await apart.event()
        await child.post(f"/v1/rentals/{rental_id}/complete")
        ended = await stream.event()

    assert (told.kind, told.data["id"]) == ("rental.created", rental_id)
    assert told_apart.data["id"] == theirs
    assert (ended.kind, ended.data["id"]) == ("rental.ended", rental_id)
    listed = (await parent.get("/v1/events")).json["data"]
    assert [event["data"]["id"] for event in listed] == [rental_id, rental_id]


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with post_office(new_database()) as opened:
        yield opened


async def test_a_webhook_tells_what_keys_below_bought(post: Post) -> None:
    parent = await post.bank.with_key()
    before = await post.bank.child_of(parent)
    webhook = await post.create(parent, events=["rental.created"])
    not_above = await post.create(before, path="/child", events=["rental.created"])
    after = await post.bank.child_of(before)

    rented = [await bought(each) for each in (before, after, parent)]
    got = await post.receiver.has(3, "/hook")
    its = await post.receiver.has(2, "/child")

    assert sorted(verified(webhook["secret"], one)["data"]["id"] for one in got) == sorted(rented)
    assert {verified(not_above["secret"], one)["data"]["id"] for one in its} == set(rented[:2])
    assert len(await at_rest(parent, webhook, 3)) == 3


async def test_request_ids_of_parent_and_child_are_apart(bank: Bank) -> None:
    parent = await bank.with_key()
    child = await bank.child_of(parent)

    first, second = [await rent(each, request_id="r1") for each in (parent, child)]

    assert first.json["id"] != second.json["id"]
    assert (await rent(child, request_id="r1")).body == second.body
