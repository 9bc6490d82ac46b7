"""The pages in a real browser: without a fault, without anybody else's help, for everybody."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY
from tests.browser.support import PHONE, WIDE, Visit, visiting
from tests.support.gateway import Stand, run_simulated
from tests.support.stripping import stripping

BALANCE, RENT = "#operations-account-get_balance", "#operations-rentals-rent_number"
READY = {"/": "main", "/acceptable-use": "main", "/docs": BALANCE}
KEPT = """async () => ({
    local: {...localStorage}, session: {...sessionStorage}, cookies: document.cookie,
    databases: (await indexedDB.databases()).length, caches: (await caches.keys()).length,
})"""
NOTHING = {"local": {}, "session": {}, "cookies": "", "databases": 0, "caches": 0}


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    async with run_simulated() as stand:
        yield stand


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("path", READY)
async def test_a_page_is_whole_and_can_be_read_by_everybody(
    stand: Stand, path: str, width: int
) -> None:
    async with visiting(stand.url + path, width) as visit:
        await visit.page.wait_for_selector(READY[path])
        violations, too_wide = await visit.violations(), await visit.too_wide()

    assert violations == []
    assert not too_wide
    assert visit.wrong == []
    assert visit.elsewhere(stand.url) == []


async def authorise(visit: Visit, key: str) -> None:
    await visit.page.click(".btn.authorize")
    await visit.page.fill(".auth-container input", key)
    await visit.page.click(".auth-btn-wrapper .authorize")
    await visit.page.click(".auth-btn-wrapper .btn-done")


async def execute(visit: Visit, operation: str) -> tuple[int, Any]:
    """Open an operation, execute it as it is filled in, and read the status and body shown."""
    if not await visit.page.locator(f"{operation} .execute").count():
        await visit.page.click(f"{operation} .opblock-summary-control")
    async with visit.page.expect_response(lambda response: "/v1/" in response.url) as coming:
        await visit.page.click(f"{operation} .execute")
    status = (await coming.value).status
    shown = visit.page.locator(f"{operation} .live-responses-table tr.response")
    shown = shown.filter(has=visit.page.get_by_text(str(status), exact=True))
    return status, json.loads(await shown.locator("pre").first.inner_text())


@pytest.mark.parametrize("width", [WIDE, PHONE])
async def test_a_call_is_tried_and_the_key_is_not_kept(stand: Stand, width: int) -> None:
    async with visiting(f"{stand.url}/docs", width) as visit:
        refused = await execute(visit, BALANCE)
        said = list(visit.wrong)
        await authorise(visit, DEMO_KEY)
        answered = await execute(visit, BALANCE)
        violations, too_wide = await visit.violations(), await visit.too_wide()
        kept = await visit.page.evaluate(KEPT)
        cookies = await visit.page.context.cookies()
        await visit.page.reload()
        forgotten = await execute(visit, BALANCE)

    assert (refused[0], refused[1]["code"]) == (401, "unauthorized")
    assert (answered[0], answered[1]["currency"]) == (200, "USD")
    assert (violations, too_wide) == ([], False)
    assert (kept, cookies) == (NOTHING, [])
    assert forgotten[0] == 401
    # The browser itself reports the refusals.
    assert len(said) == 1
    assert all("401" in each for each in visit.wrong)
    assert visit.elsewhere(stand.url) == []
    assert not any(DEMO_KEY in url for url in visit.asked)


async def test_the_dialogs_can_be_used_by_everybody_and_a_purchase_is_one(stand: Stand) -> None:
    async with visiting(f"{stand.url}/docs") as visit:
        await visit.page.click(".btn.authorize")
        dialog = await visit.violations()
        await visit.page.fill(".auth-container input", DEMO_KEY)
        await visit.page.click(".auth-btn-wrapper .authorize")
        authorised = await visit.violations()
        await visit.page.click(".auth-btn-wrapper .btn-done")
        await visit.page.click(f"{RENT} .opblock-summary-control")
        await visit.page.fill(f"{RENT} textarea", '{"service_code": "whatsapp"}')
        opened = await visit.violations()
        bought = await execute(visit, RENT)

    assert (dialog, authorised, opened) == ([], [], [])
    assert (bought[0], bought[1]["service_code"]) == (201, "whatsapp")
    assert len(stand.sim.books.rentals) == 1
    assert visit.wrong == []


@pytest.mark.parametrize("operation", [BALANCE, RENT])
async def test_schemas_can_be_read_by_everybody(stand: Stand, operation: str) -> None:
    async with visiting(f"{stand.url}/docs") as visit:
        await visit.page.click(f"{operation} .opblock-summary-control")
        tabs = visit.page.locator(f"{operation} [data-name=model]")
        await tabs.first.wait_for()
        for tab in await tabs.all():
            await tab.click()
        await visit.page.click(f"{operation} .json-schema-2020-12 :text('Expand all')")
        violations = await visit.violations()

    assert violations == []


async def test_calls_go_where_the_page_is_whatever_the_document_names() -> None:
    public = "https://sms.example.com"
    async with (
        run_simulated(gateway_public_url=public) as stand,
        visiting(f"{stand.url}/docs") as visit,
    ):
        await authorise(visit, DEMO_KEY)
        answered = await execute(visit, BALANCE)

    assert answered[0] == 200
    assert visit.wrong == []
    assert visit.elsewhere(stand.url) == []


async def test_below_a_path_pages_are_whole_and_calls_stay_below_it() -> None:
    async with (
        stripping("/getatext") as proxy,
        run_simulated(gateway_public_url=proxy.url) as stand,
    ):
        proxy.target = stand.url
        async with visiting(f"{proxy.url}/docs") as visit:
            await authorise(visit, DEMO_KEY)
            answered = await execute(visit, BALANCE)
            await visit.page.click("text=What else is here")
            await visit.page.wait_for_selector(READY["/"])
            shown = await visit.page.inner_text("main")

    assert answered[0] == 200
    assert f"{proxy.url}/v1" in shown
    assert visit.wrong == []
    assert visit.elsewhere(proxy.url) == []
