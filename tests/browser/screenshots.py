"""Takes the pictures of the console for README: `python -m tests.browser.screenshots`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Page, expect

from tests.browser.console import opened, rent, run_console

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
MOST_BYTES = 300_000


@asynccontextmanager
async def with_rentals(width: int, height: int, scheme: str) -> AsyncIterator[Page]:
    """The console with three rentals: one has its code, one is to be cancelled."""
    async with run_console() as stand, opened(stand, width=width) as visit:
        page = visit.page
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=scheme)
        for service in ("Discord", "Google", "Whatsapp"):
            await rent(page, service)
            await expect(page.locator("#live li").first).to_contain_text(service)
        await (
            page.locator("#live li", has_text="Discord")
            .get_by_role("button", name="Cancel")
            .click()
        )
        stand.sim.receive_code(max(stand.sim.books.rentals), "048213")
        await expect(page.locator("#said")).to_contain_text("048213")
        await page.get_by_label("Service", exact=True).fill("")
        await page.evaluate("scrollTo(0, 0)")
        yield page


async def take() -> None:
    FOLDER.mkdir(exist_ok=True)
    async with with_rentals(1000, 960, "light") as page:
        await page.screenshot(path=FOLDER / "console.png")
    async with with_rentals(360, 780, "dark") as page:
        await page.get_by_label("Service", exact=True).fill("whats")
        await page.evaluate("scrollTo(0, 0)")
        await page.screenshot(path=FOLDER / "console-phone.png")
    sizes = {path.name: path.stat().st_size for path in FOLDER.glob("*.png")}
    if sum(sizes.values()) > MOST_BYTES:
        raise SystemExit(f"The pictures are above {MOST_BYTES} bytes: {sizes}")


if __name__ == "__main__":
    with TemporaryDirectory() as data:
        os.environ["XDG_DATA_HOME"] = data
        asyncio.run(take())
