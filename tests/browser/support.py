"""A real browser before a real gateway, and pages of another origin."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
WIDE, PHONE = 1280, 380
# A new profile each time, which knows and asks nobody but this machine.
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
_MILLISECONDS = 60_000.0
_EMPTY = "<!doctype html><html lang=en><title>A page of another origin</title>"


def found() -> str | None:
    """The system's browser."""
    names = (os.environ["CHROMIUM"],) if os.environ.get("CHROMIUM") else NAMES
    return next((path for name in names if (path := shutil.which(name))), None)


@dataclass
class Visit:
    """An open page, what it asked for, and what went wrong in it."""

    page: Page
    asked: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._said)

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(message.text)

    def elsewhere(self, origin: str) -> list[str]:
        """What it asked for at another origin; images within a style sheet are no requests."""
        return [url for url in self.asked if not url.startswith((f"{origin}/", "data:"))]

    async def violations(self) -> list[str]:
        """What axe finds wrong in the page as it stands."""
        found = (await Axe().run(self.page)).response["violations"]
        return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]

    async def too_wide(self) -> bool:
        """Whether the page must be scrolled to the side."""
        wide: bool = await self.page.evaluate("document.documentElement.scrollWidth > innerWidth")
        return wide


@asynccontextmanager
async def visiting(url: str, width: int = WIDE) -> AsyncIterator[Visit]:
    """A page in a browser of its own."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=found(), args=ARGUMENTS)
        try:
            context = await browser.new_context(viewport={"width": width, "height": 900})
            page = await context.new_page()
            page.set_default_timeout(_MILLISECONDS)
            visit = Visit(page)
            visit.watch()
            await page.goto(url)
            yield visit
        finally:
            await browser.close()


@asynccontextmanager
async def another_origin() -> AsyncIterator[str]:
    """The address of an empty page on a port of its own."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=_EMPTY, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    app.router.add_get("/favicon.ico", show)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
