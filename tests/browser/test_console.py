"""The console as a person uses it: the main job, what may go wrong in it, and who may see what."""

import asyncio
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from playwright.async_api import Page, expect

from adapters.simulator import DEMO_KEY, AccountConfig, Service
from gateway.core.model.callers import Limits
from gateway.http.serving.app import STREAMS
from tests.browser.console import (
    SILENT,
    SPENDER,
    STORED,
    choose,
    enter,
    only_rental,
    opened,
    rent,
    run_console,
)
from tests.browser.support import visiting
from tests.support.gateway import Stand
from tests.support.keys import make_key
from tests.support.stripping import stripping
from tests.support.waiting import until

ADMIN, READER = Limits(admin=True), Limits(read_only=True)
COUNT_CLICKS = """() => {
    window.clicks = 0;
    addEventListener("click", (event) => { window.clicks += event.detail > 0; }, true);
}"""
KEPT = """async () => ({
    local: {...localStorage}, session: Object.keys(sessionStorage), cookies: document.cookie,
    databases: (await indexedDB.databases()).length, caches: (await caches.keys()).length,
})"""
ONLY_THE_KEY = {
    "local": {},
    "session": ["getatext.key"],
    "cookies": "",
    "databases": 0,
    "caches": 0,
}
HOSTILE = "<img src=x onerror=alert(1)>"


async def test_a_code_is_read_within_six_clicks() -> None:
    async with run_console() as stand:
        key = await make_key(stand.gateway, "demo", SPENDER)
        async with visiting(f"{stand.url}/console") as visit:
            page = visit.page
            await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            await page.evaluate(COUNT_CLICKS)
            await page.keyboard.insert_text(key)  # the field has the focus: pasted
            await page.get_by_role("button", name="Open").click()
            await page.get_by_label("Service", exact=True).click()
            await page.keyboard.type("whats")
            await page.locator("#services button").click()
            await page.get_by_role("button", name="Buy for $0.55 at most").click()
            await expect(page.locator("#live .left")).to_have_text(re.compile(r"[45]:\d\d left"))
            stand.sim.receive_code(only_rental(stand), "012345")
            await page.get_by_role("button", name="012345").click()
            await expect(page.locator("#said")).to_have_text("Copied: code 012345")
            copied = await page.evaluate("navigator.clipboard.readText()")
            clicks = await page.evaluate("window.clicks")

    assert copied == "012345"
    assert clicks == 5
    assert visit.wrong == []


async def test_the_key_is_in_session_storage_alone_and_leaves_with_close() -> None:
    async with run_console() as stand, opened(stand) as visit:
        await rent(visit.page)
        kept = await visit.page.evaluate(KEPT)
        key = await visit.page.evaluate("sessionStorage['getatext.key']")
        cookies = await visit.page.context.cookies()
        await visit.page.get_by_role("button", name="Close").click()
        await visit.page.get_by_label("Gateway key").wait_for()
        after = await visit.page.evaluate(KEPT)

    assert kept == ONLY_THE_KEY
    assert after == {**ONLY_THE_KEY, "session": []}
    assert cookies == []
    assert not any(key in url for url in visit.asked)
    assert visit.elsewhere(stand.url) == []
    assert visit.wrong == []


async def test_the_price_is_asked_with_its_surcharges_and_heeded() -> None:
    async with run_console() as stand, opened(stand) as visit:
        page = visit.page
        await choose(page)
        buy = page.locator("#purchase [data-part=buy]")
        await expect(buy).to_have_text("Buy for $0.55 at most")
        await page.get_by_text("Wishes:").click()
        await page.locator("[name=carrier]").select_option("verizon")
        await expect(buy).to_have_text("Buy for $0.66 at most")
        await page.locator("[name=area_codes]").fill("212")
        await expect(buy).to_have_text("Buy for $0.77 at most")
        async with page.expect_request("**/v1/rentals") as sent:
            await buy.click()
        await page.locator("#live li").wait_for()
        body = (await sent.value).post_data_json

    assert body.pop("request_id").startswith("console-")
    assert body == {
        "service_code": "whatsapp",
        "carrier": "verizon",
        "area_codes": "212",
        "max_price": "0.77",
    }


async def test_not_now_buys_nothing() -> None:
    async with run_console() as stand, opened(stand) as visit:
        await choose(visit.page)
        await visit.page.get_by_role("button", name="Not now").click()
        await expect(visit.page.locator("#purchase")).to_be_hidden()
        stored = await visit.page.evaluate(STORED)

    assert stored is None
    assert stand.sim.books.rentals == {}


async def test_a_number_is_replaced_and_the_wish_to_cancel_is_shown() -> None:
    async with run_console() as stand, opened(stand) as visit:
        first = await rent(visit.page)
        number = await first.locator("[data-part=number]").inner_text()
        await first.get_by_role("button", name="Replace").click()
        await visit.page.get_by_role("button", name="Buy for $0.55 at most").click()
        await expect(visit.page.locator("#live li")).to_have_count(2)
        old = visit.page.locator("#live li", has_text=number)
        await expect(old.locator("[data-part=wish]")).to_contain_text("Replaced, to be cancelled")
        await expect(old.get_by_role("button", name="Replace")).to_be_hidden()

    assert len(stand.sim.books.rentals) == 2
    assert visit.wrong == []


async def test_a_cancelled_number_shows_the_wish_until_its_refund() -> None:
    async with run_console() as stand, opened(stand) as visit:
        card = await rent(visit.page)
        await card.get_by_role("button", name="Cancel").click()
        wish = card.locator("[data-part=wish]")
        await expect(wish).to_contain_text("To be cancelled")
        await expect(card.get_by_role("button", name="Cancel")).to_be_hidden()
        stand.sim.advance(301)
        await expect(visit.page.locator("#live-none")).to_be_visible()

    assert visit.wrong == []


@pytest.mark.parametrize(
    ("limits", "rents", "keys"),
    [(SPENDER, True, False), (READER, False, False), (replace(ADMIN, max_price=Decimal(1)), 1, 0)],
)
async def test_a_key_sees_just_what_it_may(limits: Limits, rents: bool, keys: bool) -> None:
    async with run_console() as stand, opened(stand, limits) as visit:
        await expect(visit.page.get_by_role("link", name="Health")).to_be_visible()
        shown = [await visit.page.locator(each).is_visible() for each in ("#next", "#keys-link")]

    assert shown == [rents, keys]


async def test_a_reader_sees_rentals_and_can_change_none() -> None:
    async with run_console() as stand:
        buyer = await make_key(stand.gateway, "buyer", SPENDER)
        await stand.client.ask("POST", "/v1/rentals", json={"service_code": "whatsapp"}, key=buyer)
        async with opened(stand, replace(READER, admin=True)) as visit:
            card = visit.page.locator("#live li")
            await card.wait_for()
            buttons = await card.locator(".buttons button:visible").count()

    assert buttons == 0


async def test_other_keys_are_refused_with_a_sentence() -> None:
    async with run_console() as stand, visiting(f"{stand.url}/console") as visit:
        page, error = visit.page, visit.page.locator("#entry-form [data-part=error]")
        for given, said in [
            (DEMO_KEY, "This needs a key that the gateway made"),
            ("gtw_unknown", "The key is not accepted"),
            ("two words", "it has no spaces"),
        ]:
            await page.get_by_label("Gateway key").fill(given)
            await page.get_by_role("button", name="Open").click()
            await expect(error).to_contain_text(said)
        kept = await page.evaluate(KEPT)
        violations = await visit.violations()

    assert kept == {**ONLY_THE_KEY, "session": []}
    assert violations == []


async def test_a_key_that_ends_closes_the_console_and_says_why() -> None:
    async with run_console() as stand, opened(stand) as visit:
        (key,) = await stand.gateway.keys.all()
        await stand.gateway.keys.revoke(key.id, key.created_at)
        await visit.page.get_by_role("link", name="History").click()
        error = visit.page.locator("#entry-form [data-part=error]")
        await expect(error).to_contain_text("revoked")
        kept = await visit.page.evaluate(KEPT)

    assert kept == {**ONLY_THE_KEY, "session": []}


async def test_what_others_say_is_text() -> None:
    async with run_console() as stand, opened(stand) as visit:
        page = visit.page
        await choose(page)
        await page.get_by_label("Reference, to find it").fill(HOSTILE)
        await page.get_by_role("button", name="Buy for").click()
        card = page.locator("#live li")
        await card.wait_for()
        stand.sim.receive_code(only_rental(stand), HOSTILE)
        await expect(card.locator("[data-part=code]")).to_have_text(HOSTILE)
        await expect(card.locator("[data-part=reference]")).to_have_text(HOSTILE)
        await page.get_by_role("link", name="History").click()
        await expect(page.locator("#past [data-part=reference]")).to_have_text(HOSTILE)
        images = await page.locator("img").count()

    assert images == 0
    assert visit.wrong == []


async def test_the_network_goes_and_comes() -> None:
    async with run_console() as stand, opened(stand) as visit:
        page = visit.page
        card = await rent(page)
        await page.context.set_offline(True)
        await expect(page.locator("#away")).to_be_visible()
        stand.sim.receive_code(only_rental(stand), "012345")
        await page.context.set_offline(False)
        await expect(page.locator("#away")).to_be_hidden()
        await expect(card.locator("[data-part=code]")).to_have_text("012345")


async def test_a_second_tab_asks_for_the_key_and_sees_the_same() -> None:
    async with run_console() as stand, opened(stand) as visit:
        key = await visit.page.evaluate("sessionStorage['getatext.key']")
        second = await visit.page.context.new_page()
        await second.goto(f"{stand.url}/console")
        await enter(second, key)
        await rent(visit.page)
        await second.locator("#live li").wait_for()
        stand.sim.receive_code(only_rental(stand), "012345")
        for page in (visit.page, second):
            await expect(page.locator("#live [data-part=code]")).to_have_text("012345")


HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def streams(stand: Stand) -> int:
    return sum(feed.streams for feed in stand.app[STREAMS]._feeds.values())


async def test_a_hidden_tab_listens_only_while_a_code_is_awaited() -> None:
    async with run_console() as stand, opened(stand) as visit:
        await visit.page.locator("#live-none").wait_for()
        await until(lambda: streams(stand) == 1)
        await visit.page.evaluate(HIDE, True)
        await until(lambda: streams(stand) == 0)
        await visit.page.evaluate(HIDE, False)
        card = await rent(visit.page)
        await until(lambda: streams(stand) == 1)
        await visit.page.evaluate(HIDE, True)
        stand.sim.receive_code(only_rental(stand), "012345")
        await expect(card.locator("[data-part=code]")).to_have_text("012345")


async def test_it_works_below_a_path() -> None:
    async with stripping("/getatext") as proxy, run_console(gateway_public_url=proxy.url) as stand:
        proxy.target = stand.url
        async with opened(stand, url=proxy.url) as visit:
            card = await rent(visit.page)
            stand.sim.receive_code(only_rental(stand), "012345")
            await expect(card.locator("[data-part=code]")).to_have_text("012345")

    assert visit.wrong == []
    assert visit.elsewhere(proxy.url) == []


async def test_a_thousand_rentals_are_listed_page_by_page() -> None:
    service = Service("Whatsapp", "whatsapp", Decimal("0.55"), ttl_minutes=60)
    account = AccountConfig(balance=Decimal(1000))
    rules = replace(SILENT.rules, max_active=2000)
    many = replace(SILENT, rules=rules, services=(service,), accounts=(account,))
    async with run_console(config=many) as stand:
        key = await make_key(stand.gateway, "many", Limits())
        body = {"service_code": "whatsapp"}
        for _ in range(20):
            answers = [
                stand.client.ask("POST", "/v1/rentals", json=body, key=key) for _ in range(50)
            ]
            assert {answer.status for answer in await asyncio.gather(*answers)} == {201}
        async with visiting(f"{stand.url}/console") as visit:
            page: Page = visit.page
            await enter(page, key)
            live = page.locator("#live li")
            await expect(live).to_have_count(50)
            await page.locator("#live-more").click()
            await expect(live).to_have_count(100)
            stand.sim.receive_code(min(stand.sim.books.rentals), "012345")
            await expect(page.locator("#said")).to_have_text("Code for Whatsapp: 012345")
            await page.get_by_role("link", name="History").click()
            past = page.locator("#past li")
            await expect(past).to_have_count(50)
            await page.locator("#history-more").click()
            await expect(past).to_have_count(100)

    assert visit.wrong == []
