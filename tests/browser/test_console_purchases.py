"""What becomes of a purchase whose answer does not come: it is asked for again, and bought once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, Route, expect

from adapters.simulator import Fault, FaultKind
from tests.browser.console import STORED, choose, only_rental, opened, rent, run_console
from tests.browser.support import Visit
from tests.support.gateway import Stand


class Losing:
    """Takes purchases to the gateway and does not pass the first answer on."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.lost = asyncio.Event()
        self.hangs = False

    async def __call__(self, route: Route) -> None:
        if route.request.method != "POST":
            await route.continue_()
            return
        self.ids.append(json.loads(route.request.post_data or "{}")["request_id"])
        if len(self.ids) > 1:
            await route.continue_()
            return
        await route.fetch()
        if not self.hangs:
            await route.abort()
        self.lost.set()


@asynccontextmanager
async def unanswered() -> AsyncIterator[tuple[Stand, Visit, Losing]]:
    """A purchase was confirmed in the console, and its answer does not come."""
    losing = Losing()
    losing.hangs = True
    async with run_console() as stand, opened(stand) as visit:
        await visit.page.route("**/v1/rentals", losing)
        await choose(visit.page)
        await visit.page.get_by_role("button", name="Buy for").click()
        await asyncio.wait_for(losing.lost.wait(), 60)
        yield stand, visit, losing


async def test_a_lost_answer_is_asked_for_again_with_the_same_id() -> None:
    losing = Losing()
    async with run_console() as stand, opened(stand) as visit:
        await visit.page.route("**/v1/rentals", losing)
        await rent(visit.page)
        await expect(visit.page.locator("#unanswered-section")).to_be_hidden()
        stored = await visit.page.evaluate(STORED)

    assert len(losing.ids) == 2
    assert len(set(losing.ids)) == 1
    assert stored is None
    assert only_rental(stand)


async def test_a_reload_before_the_answer_asks_for_it_again() -> None:
    async with unanswered() as (stand, visit, losing):
        page = visit.page
        await page.reload()
        await page.locator("#live li").wait_for()
        await expect(page.locator("#unanswered-section")).to_be_hidden()
        stored = await page.evaluate(STORED)

    assert len(losing.ids) == 2
    assert len(set(losing.ids)) == 1
    assert stored is None
    assert only_rental(stand)


async def later(page: Page, minutes: int) -> None:
    """Let so many minutes pass since the purchases that are stored were confirmed."""
    await page.evaluate(
        """(minutes) => {
            const purchases = JSON.parse(sessionStorage["getatext.purchases"]);
            for (const each of purchases) each.confirmedAt -= minutes * 60_000;
            sessionStorage["getatext.purchases"] = JSON.stringify(purchases);
        }""",
        minutes,
    )


async def test_what_was_confirmed_long_ago_waits_for_a_person() -> None:
    async with unanswered() as (stand, visit, losing):
        page = visit.page
        await later(page, 10)
        await page.reload()
        row = page.locator("#unanswered li")
        await expect(row).to_contain_text("No answer came")
        asked_by_itself = len(losing.ids)
        violations = await visit.violations()
        await row.get_by_role("button", name="Ask again").click()
        await expect(page.locator("#unanswered-section")).to_be_hidden()
        await page.locator("#live li").wait_for()

    assert asked_by_itself == 1
    assert violations == []
    assert len(set(losing.ids)) == 1
    assert only_rental(stand)


async def test_a_purchase_of_unknown_outcome_tells_what_to_do() -> None:
    async with run_console() as stand, opened(stand) as visit:
        stand.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
        page = visit.page
        await choose(page)
        await page.get_by_role("button", name="Buy for").click()
        error = page.locator("#purchase-form [data-part=error]")
        await expect(error).to_contain_text("its answer was lost")
        await page.get_by_role("button", name="Not now").click()
        row = page.locator("#unknown li")
        await expect(row).to_contain_text("getatext-gateway ledger resolve")
        stored = await page.evaluate(STORED)
        violations = await visit.violations()

    assert stored is None
    assert violations == []


async def test_a_price_that_rose_is_asked_anew() -> None:
    async with run_console() as stand, opened(stand) as visit:
        page = visit.page
        await choose(page)
        refusal = {
            "detail": "It costs more now.",
            "code": "price_too_high",
            "status": 409,
            "price_needed": "0.70",
        }

        async def refuse(route: Route) -> None:
            await route.fulfill(
                status=409, body=json.dumps(refusal), content_type="application/problem+json"
            )

        await page.route("**/v1/rentals", refuse, times=1)
        await page.get_by_role("button", name="Buy for $0.55").click()
        await page.get_by_role("button", name="Buy for $0.70 at most").click()
        await page.locator("#live li").wait_for()

    assert only_rental(stand)


async def test_a_second_purchase_waits_for_the_answer_of_the_first() -> None:
    async with unanswered() as (stand, visit, losing):
        page = visit.page
        await page.keyboard.press("Escape")
        await choose(page)
        await page.get_by_role("button", name="Buy for").click()
        error = page.locator("#purchase-form [data-part=error]")
        await expect(error).to_contain_text("still waits for its answer")
        await expect(page.locator("#unanswered li")).to_have_count(1)

    assert len(losing.ids) == 1
    assert only_rental(stand)
