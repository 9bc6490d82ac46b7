"""Keys in the console: made, limited, rotated, suspended and revoked by an admin key."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from playwright.async_api import Locator, Page, expect

from gateway.core.model.callers import Limits
from tests.browser.console import opened, run_console
from tests.support.gateway import Stand
from tests.support.waiting import until

ADMIN = Limits(admin=True)


async def read_secret(page: Page) -> str:
    """The secret that is shown once; shown no more afterwards."""
    await expect(page.locator("#secret")).to_be_visible()
    secret: str = await page.locator("#secret").inner_text()
    await page.get_by_role("button", name="Done").click()
    await expect(page.locator("#secret")).to_be_hidden()
    assert secret not in await page.content()
    return secret


async def statuses(stand: Stand, *secrets: str) -> list[int]:
    return [(await stand.client.ask("GET", "/v1/key", key=each)).status for each in secrets]


async def make(page: Page, name: str) -> tuple[Locator, str]:
    """Make a key in the console: what shows it, and its secret."""
    await page.get_by_role("link", name="Keys").click()
    await page.get_by_role("button", name="New key").click()
    await page.locator("[name=name]").fill(name)
    await page.get_by_label("Budget a day").fill("5")
    await page.get_by_label("Only these services").fill("whatsapp")
    await page.get_by_role("button", name="Save").click()
    secret = await read_secret(page)
    return page.locator("#keys-list li", has_text=name), secret


async def test_a_key_is_made_and_rotated() -> None:
    async with run_console() as stand, opened(stand, ADMIN) as visit:
        row, first = await make(visit.page, "n8n")
        await expect(row).to_contain_text("budget day $5.00 · only whatsapp")
        made = await statuses(stand, first)
        await row.get_by_role("button", name="Rotate").click()
        await visit.page.locator("#sure [data-part=go]").click()
        second = await read_secret(visit.page)
        await expect(visit.page.locator("#sure")).to_be_hidden()
        await expect(row).to_contain_text("the old secret works until")
        rotated = await statuses(stand, first, second)
        violations = await visit.violations()

    assert first != second
    assert (made, rotated) == ([200], [200, 200])
    assert violations == []
    assert visit.wrong == []
    assert visit.elsewhere(stand.url) == []


async def test_a_key_is_suspended_resumed_and_revoked() -> None:
    async with run_console() as stand, opened(stand, ADMIN) as visit:
        row, secret = await make(visit.page, "n8n")
        await row.get_by_role("button", name="Suspend").click()
        await expect(row.locator("[data-part=status]")).to_have_text("suspended")
        suspended = await stand.client.ask("GET", "/v1/key", key=secret)
        await row.get_by_role("button", name="Resume").click()
        await expect(row.locator("[data-part=status]")).to_have_text("active")
        await row.get_by_role("button", name="Revoke").click()
        await visit.page.locator("#sure [data-part=go]").click()
        await expect(row.locator("[data-part=status]")).to_have_text("revoked")

        async def refused() -> bool:  # within a second
            return await statuses(stand, secret) == [401]

        await until(refused)

    assert suspended.json["status"] == "suspended"


async def test_a_key_without_a_budget_is_refused_with_a_sentence() -> None:
    async with run_console() as stand, opened(stand, ADMIN) as visit:
        page = visit.page
        await page.get_by_role("link", name="Keys").click()
        await page.get_by_role("button", name="New key").click()
        await page.locator("[name=name]").fill("n8n")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("#key-form [data-part=error]")).to_contain_text("no_budget")
        violations = await visit.violations()
        kept = await stand.gateway.keys.all()

    assert violations == []
    assert [key.name for key in kept] == ["shop"]


async def test_the_limits_of_a_key_are_changed_and_removed() -> None:
    async with run_console() as stand, opened(stand, ADMIN) as visit:
        page = visit.page
        asked = {"name": "n8n", "budget_day": "5", "max_price": "1"}
        (admin,) = await stand.gateway.keys.all()
        secret = await page.evaluate("sessionStorage['getatext.key']")
        made = await stand.client.ask("POST", "/v1/keys", json=asked, key=secret)
        await page.get_by_role("link", name="Keys").click()
        row = page.locator("#keys-list li", has_text="n8n")
        await row.get_by_role("button", name="Change").click()
        await page.get_by_label("Budget a day").fill("7.50")
        await page.get_by_label("Highest price").fill("")
        await page.get_by_role("button", name="Save").click()
        await expect(row).to_contain_text("budget day $7.50")
        changed = await stand.client.ask("GET", "/v1/key", key=made.json["secret"])

    assert admin.name == "shop"
    assert Decimal(changed.json["budget_day"]) == Decimal("7.5")
    assert changed.json["max_price"] is None


async def test_what_is_not_changed_of_a_key_is_not_sent() -> None:
    async with run_console() as stand, opened(stand, ADMIN) as visit:
        page, sent = visit.page, list[Any]()
        ends = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT15:30:00Z}"
        asked = {"name": "n8n", "budget_day": "5", "services": ["whatsapp"], "expires_at": ends}
        secret = await page.evaluate("sessionStorage['getatext.key']")
        made = await stand.client.ask("POST", "/v1/keys", json=asked, key=secret)
        page.on("request", lambda one: sent.append(one.post_data_json) if one.post_data else None)
        await page.get_by_role("link", name="Keys").click()
        row = page.locator("#keys-list li", has_text="n8n")
        await row.get_by_role("button", name="Change").click()
        await page.get_by_label("Budget a day").fill("")
        await page.get_by_label("Without a budget").check()
        await page.get_by_label("Purchases a day").fill("4")
        await page.get_by_role("button", name="Save").click()
        await expect(row).to_contain_text("4 a day")
        changed = await stand.client.ask("GET", "/v1/key", key=made.json["secret"])

    assert sent == [{"max_per_day": 4, "no_budget": True, "clear": ["budget_day"]}]
    assert changed.json["expires_at"] == ends
    assert changed.json["services"] == ["whatsapp"]
