"""Ids as large as those of `simulate`, which are milliseconds, pass through every face."""

from dataclasses import replace
from typing import Any

from adapters.simulator import DEMO_KEY
from tests.faces.support import QUIET, Tool
from tests.support.gateway import run_simulated

FIRST = 2**53 - 4
KEY = {"Auth": DEMO_KEY}


async def test_every_face_takes_the_ids_it_gave() -> None:
    async with run_simulated(replace(QUIET, first_rental_id=FIRST)) as stand:
        tool = Tool(stand.client, stand.sim)
        rented = await stand.client.post("/v1/rentals", {"service_code": "whatsapp"})
        read = await stand.client.get(f"/v1/rentals/{FIRST}")
        bought, _ = await tool.buy()
        word = await tool.text("getStatus", id=bought)
        own: dict[str, Any] = {"service": "whatsapp"}
        api = await stand.client.post("/api/v1/rent-a-number", own, key=None, headers=KEY)
        again = await stand.client.post(
            "/api/v1/rental-status", {"id": api.json["id"]}, key=None, headers=KEY
        )

    assert (rented.json["id"], read.json["id"]) == (FIRST, FIRST)
    assert (bought, word) == (FIRST + 1, "STATUS_WAIT_CODE")
    assert api.json["id"] == again.json["id"] == FIRST + 2
