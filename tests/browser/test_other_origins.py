"""What a page of another origin can do in a real browser, and where it cannot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, NEVER, Fault, FaultKind, Rules
from tests.browser.support import Visit, another_origin, visiting
from tests.support.gateway import USUAL, Stand, run_simulated

SILENT = replace(USUAL, rules=Rules(code_after=NEVER))
CALL = """async ([method, url, key, body]) => {
    const answer = await fetch(url, {
        method,
        headers: {"X-API-Key": key, ...(body && {"Content-Type": "application/json"})},
        body: body && JSON.stringify(body),
    });
    return {
        status: answer.status,
        body: await answer.json(),
        headers: Object.fromEntries(answer.headers),
    };
}"""
LISTEN = """async ([url, key]) => {
    const headers = {"X-API-Key": key, "Last-Event-ID": "0"};
    const answer = await fetch(url, {headers});
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("rental.created")) text += (await reader.read()).value;
    await reader.cancel();
    return [answer.status, answer.headers.get("X-Request-Id"), text];
}"""
SOURCE = """(url) => new Promise((done) => {
    const source = new EventSource(url);
    source.onopen = () => done("open");
    source.onerror = () => { source.close(); done("error"); };
})"""
STREAM = "/v1/events/stream"


@asynccontextmanager
async def paged(**changes: Any) -> AsyncIterator[tuple[Stand, Visit]]:
    """A gateway, and a page of another origin."""
    async with (
        run_simulated(SILENT, **changes) as stand,
        another_origin() as origin,
        visiting(origin) as visit,
    ):
        yield stand, visit


async def call(
    stand: Stand, visit: Visit, method: str, path: str, body: Any = None, key: str = DEMO_KEY
) -> Any:
    return await visit.page.evaluate(CALL, [method, stand.url + path, key, body])


async def test_it_rents_waits_for_the_code_and_reads_errors() -> None:
    async with paged() as (stand, visit):
        stand.sim.script(Fault("long-rentals", FaultKind.STATUS, times=None, status=429))
        rented = await call(stand, visit, "POST", "/v1/rentals", {"service_code": "whatsapp"})
        rental = f"/v1/rentals/{rented['body']['id']}"
        locked = await call(stand, visit, "POST", f"{rental}/cancel", {})
        stand.sim.receive_code(rented["body"]["id"], "012345")
        waited = await call(stand, visit, "GET", f"{rental}/code?wait_seconds=25")
        unknown = await call(stand, visit, "POST", "/v1/rentals", {"service_code": "no-such"})
        busy = await call(stand, visit, "GET", "/v1/long-rentals")
        stranger = await call(stand, visit, "GET", "/v1/balance", key="")
        prices = await call(stand, visit, "GET", "/v1/prices")
        document = await call(stand, visit, "GET", "/openapi.json")

    assert (rented["status"], rented["headers"]["location"]) == (201, rental)
    assert (locked["status"], locked["body"]["status"]) == (200, "active")
    assert locked["body"]["cancel_requested_at"]
    assert (busy["status"], busy["body"]["code"]) == (429, "rate_limited")
    assert int(busy["headers"]["retry-after"]) == busy["body"]["retry_after"]
    assert waited["body"]["code"] == "012345"
    assert (unknown["status"], unknown["body"]["code"]) == (404, "service_not_found")
    assert unknown["headers"]["x-request-id"] == unknown["body"]["trace_id"]
    assert (stranger["status"], stranger["body"]["code"]) == (401, "unauthorized")
    assert {"etag", "age"} <= prices["headers"].keys()
    assert document["body"]["info"]["title"] == "Getatext Gateway"
    assert len(stand.sim.books.rentals) == 1


async def test_it_listens_with_fetch_since_an_event_source_sends_no_key() -> None:
    async with paged() as (stand, visit):
        await stand.client.post("/v1/rentals", {"service_code": "whatsapp"})
        source = await visit.page.evaluate(SOURCE, stand.url + STREAM)
        status, trace_id, text = await visit.page.evaluate(LISTEN, [stand.url + STREAM, DEMO_KEY])

    assert source == "error"
    assert (status, bool(trace_id)) == (200, True)
    assert "event: rental.created\n" in text


@pytest.mark.parametrize("origins", [["https://app.example"], []])
async def test_the_browser_refuses_a_page_that_is_not_listed(origins: list[str]) -> None:
    async with paged(gateway_cors_origins=origins) as (stand, visit):
        with pytest.raises(Exception, match="Failed to fetch"):
            await call(stand, visit, "POST", "/v1/rentals", {"service_code": "whatsapp"})

    assert any("CORS" in each for each in visit.wrong)
    assert stand.sim.books.rentals == {}


async def test_the_browser_lets_a_listed_page_call() -> None:
    async with (
        another_origin() as origin,
        run_simulated(gateway_cors_origins=[origin]) as stand,
        visiting(origin) as visit,
    ):
        answered = await call(stand, visit, "GET", "/v1/balance")

    assert answered["status"] == 200
    assert visit.wrong == []


@pytest.mark.parametrize(
    "path",
    ["/", "/metrics", "/api/v1/balance", "/stubs/handler_api", "/daisysms/stubs/handler_api.php"],
)
async def test_the_browser_refuses_what_is_for_no_page(path: str) -> None:
    async with paged() as (stand, visit):
        with pytest.raises(Exception, match="Failed to fetch"):
            await call(stand, visit, "GET", path)
