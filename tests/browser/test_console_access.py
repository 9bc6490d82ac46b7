"""The console for everybody: by keyboard, with a screen reader, on a phone, in light and dark."""

import pytest
from playwright.async_api import expect

from gateway.core.model.callers import Limits
from tests.browser.console import choose, only_rental, opened, rent, run_console
from tests.browser.support import WIDE, visiting

ADMIN = Limits(admin=True)
NARROW = 360
VIEWS = ["Rent", "History", "Usage", "Keys", "Health"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
async def test_every_view_can_be_read_by_everybody(width: int, scheme: str) -> None:
    found: dict[str, tuple[list[str], bool]] = {}
    async with run_console() as stand, opened(stand, ADMIN, width=width) as visit:
        page = visit.page
        await page.emulate_media(color_scheme=scheme)
        await choose(page)
        await page.get_by_text("Wishes:").click()
        found["purchase"] = await visit.violations(), await visit.too_wide()
        await page.get_by_role("button", name="Not now").click()
        await rent(page)
        stand.sim.receive_code(only_rental(stand), "012345")
        await page.locator("#live [data-part=code]").wait_for()
        for view in VIEWS:
            await page.get_by_role("link", name=view).click()
            await page.locator("[aria-busy=true]").wait_for(state="detached")
            found[view] = await visit.violations(), await visit.too_wide()

    assert found == dict.fromkeys(found, ([], False))
    assert visit.wrong == []
    assert visit.elsewhere(stand.url) == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
async def test_the_entry_can_be_read_by_everybody(width: int) -> None:
    async with run_console() as stand, visiting(f"{stand.url}/console", width) as visit:
        await visit.page.get_by_label("Gateway key").wait_for()
        violations, too_wide = await visit.violations(), await visit.too_wide()

    assert (violations, too_wide) == ([], False)
    assert visit.wrong == []


async def test_a_number_is_rented_and_cancelled_by_keyboard() -> None:
    async with run_console() as stand, opened(stand) as visit:
        page, press = visit.page, visit.page.keyboard.press
        await page.get_by_label("Service", exact=True).focus()
        await page.keyboard.type("whatsapp")
        await expect(page.locator("#services li")).to_have_count(1)
        await press("Tab")
        await press("Enter")
        await expect(page.locator("#purchase")).to_be_visible()
        await page.locator("#purchase [data-part=buy]").focus()
        await press("Enter")
        card = page.locator("#live li")
        await expect(card).to_be_focused()  # which reads it out
        for _ in range(3):  # over the number and Replace
            await press("Tab")
        await expect(card.get_by_role("button", name="Cancel")).to_be_focused()
        await press("Enter")
        await expect(card.locator("[data-part=wish]")).to_contain_text("To be cancelled")

    assert visit.wrong == []


async def test_escape_leaves_the_question_and_the_focus_goes_back() -> None:
    async with run_console() as stand, opened(stand) as visit:
        await choose(visit.page)
        await visit.page.keyboard.press("Escape")
        await expect(visit.page.locator("#services button")).to_be_focused()

    assert stand.sim.books.rentals == {}


async def test_a_code_is_told_to_a_screen_reader() -> None:
    async with run_console() as stand, opened(stand) as visit:
        await rent(visit.page)
        stand.sim.receive_code(only_rental(stand), "012345")
        said = visit.page.get_by_role("status").filter(has_text="Code for Whatsapp: 012345")
        await expect(said).to_be_visible()
