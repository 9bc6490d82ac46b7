"""Whole flows of a test key over REST, on both databases, without a provider."""

from typing import Any

from adapters.sandbox.numbers import FIRST_ID, code
from tests.sandbox.support import NOWHERE, node, rent, simulator


async def test_a_number_is_rented_its_code_comes_and_it_is_completed(store_url: str) -> None:
    async with node(store_url) as one:
        rented = await rent(one, reference="customer 17")
        path = f"/v1/rentals/{rented['id']}"
        before = await one.client.get(path)
        one.clock.put_forward(5)
        told = await one.client.get(f"{path}/code", wait_seconds="20")
        done = await one.client.post(f"{path}/complete")
        listed = await one.client.get("/v1/rentals", number=rented["number"])

    assert rented["test"] is True
    assert rented["id"] >= FIRST_ID
    assert (before.json["status"], before.json["code"]) == ("active", None)
    assert (told.json["status"], told.json["code"]) == ("received", code(rented["id"], 0))
    assert (done.json["status"], done.json["test"]) == ("completed", True)
    assert [(row["id"], row["test"]) for row in listed.json["data"]] == [(rented["id"], True)]
    assert listed.json["data"][0]["reference"] == "customer 17"
