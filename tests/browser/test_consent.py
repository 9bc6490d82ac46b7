"""The page that asks for consent, in a real browser: for everybody, with scripts and without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import async_playwright

from tests.browser.support import ARGUMENTS, PHONE, WIDE, Visit, found
from tests.mcp.oauth.support import Stand, signing_in

BACK = "/callback"


@asynccontextmanager
async def an_app() -> AsyncIterator[str]:
    """Where an app on this machine hears of the answer."""

    async def hear(_: web.Request) -> web.Response:
        text = "<!doctype html><html lang=en><title>The app</title><main>Signed in</main>"
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get(BACK, hear)
    app.router.add_get("/favicon.ico", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{BACK}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def asked(width: int, scripts: bool) -> AsyncIterator[tuple[Stand, Visit, str]]:
    """A person before the page, and where the app waits."""
    async with signing_in() as stand, an_app() as back, async_playwright() as driver:
        client = await stand.node.app(redirect_uris=[back])
        browser = await driver.chromium.launch(executable_path=found(), args=ARGUMENTS)
        try:
            page = await browser.new_page(
                viewport={"width": width, "height": 900}, java_script_enabled=scripts
            )
            page.set_default_timeout(60_000.0)
            visit = Visit(page)
            visit.watch()
            await page.goto(client.url())
            yield stand, visit, back
        finally:
            await browser.close()


@pytest.mark.parametrize("width", [WIDE, PHONE])
async def test_it_can_be_read_by_everybody_also_once_it_refused(width: int) -> None:
    async with asked(width, scripts=True) as (stand, visit, _):
        first = await visit.violations(), await visit.too_wide()
        await visit.page.fill("#key", "sk_of_getatext")
        await visit.page.click("button[value=allow]")
        await visit.page.wait_for_selector(".notice")
        again = await visit.violations(), await visit.too_wide()
        typed = await visit.page.input_value("#key")

    assert first == again == ([], False)
    assert typed == ""
    assert visit.elsewhere(stand.node.url) == []
    assert all("403" in each for each in visit.wrong)  # the browser itself reports the refusal


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_person_allows_an_app_and_is_back_there(scripts: bool) -> None:
    async with asked(PHONE, scripts) as (stand, visit, back):
        await visit.page.fill("#key", await stand.node.key())
        await visit.page.fill("#max_price", "0.75")
        await visit.page.click("button[value=allow]")
        await visit.page.wait_for_url(f"{back}?*")
        shown = await visit.page.inner_text("main")
        child = await stand.node.named("Claude")

    assert shown == "Signed in"
    assert str(child.limits.max_price) == "0.75"
    assert visit.wrong == []


async def test_a_person_denies() -> None:
    async with asked(PHONE, scripts=False) as (stand, visit, back):
        await visit.page.click("button[value=deny]")
        await visit.page.wait_for_url(f"{back}?error=access_denied*")
        keys = await stand.node.gateway.keys.all()

    assert keys == []
