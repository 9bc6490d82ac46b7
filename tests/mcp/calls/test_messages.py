"""The tool that lists messages waits for one, with progress, and shows nothing that is live."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.simulator import Rules
from gateway.core.codes import messages
from mcp_server.calls import waiting
from tests.mcp.support import (
    ERAS,
    QUICK,
    Person,
    SimulatedStand,
    connected,
    done,
    refused,
    run_mcp,
)

QUIET = replace(QUICK, rules=Rules(sample_texts=()))
LINK = "![](https://example.com/a.png) Code 4829"


def receive(stand: SimulatedStand, text: str) -> None:
    now = stand.sim.provider.timeline.now()
    stand.sim.provider.long_renting.receive(1, "8888", text, now)


@pytest.mark.parametrize("era", ERAS)
async def test_it_waits_for_what_comes_after_what_an_agent_has(
    era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PROGRESS_SECONDS", 0.2)
    monkeypatch.setattr(messages, "READ_EVERY", 0.05)
    heard: list[tuple[float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((total, message))
        if len(heard) == 2:
            stand.sim.advance(1)
            receive(stand, "second")

    async with (
        run_mcp(QUIET) as stand,
        connected(stand.mcp, era, person=Person()) as client,
    ):
        named: dict[str, Any] = {
            "long_rental_id": (await done(client, "create_long_rental", {"period": "1w"}))["id"]
        }
        receive(stand, LINK)
        (first,) = (await done(client, "list_messages", {**named, "wait_seconds": 50}))["data"]
        named["after"] = first["received_at"]
        none = await done(client, "list_messages", {**named, "wait_seconds": 1})
        came = await client.call_tool(
            "list_messages", {**named, "wait_seconds": 50, "limit": 1}, progress_callback=hear
        )
        wrong = await refused(client, "list_messages", {**named, "wait_seconds": "soon"})

    assert first["text"] == "! [] (hxxps://example[.]com/a[.]png) Code 4829"
    assert none == {"data": []}
    assert [each["text"] for each in came.structured_content["data"]] == ["second"]
    assert {total for total, _ in heard} == {50}
    assert str(heard[0][1]).startswith("No message yet after")
    assert "wait_seconds: must be a whole number" in wrong
