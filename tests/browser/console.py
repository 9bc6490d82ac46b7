"""The console in a real browser, opened with a key of the gateway's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from playwright.async_api import Locator, Page

from adapters.simulator import DEMO_KEY, NEVER, Rules
from gateway.core.model.callers import Limits
from tests.browser.support import WIDE, Visit, visiting
from tests.support.gateway import USUAL, Stand, run_simulated
from tests.support.keys import make_key

SILENT = replace(USUAL, rules=Rules(code_after=NEVER))
SPENDER = Limits(budget_day=Decimal(5))
STORED = "sessionStorage['getatext.purchases']"
"""What is stored of purchases without an answer; undefined where there is none."""


@asynccontextmanager
async def run_console(**changes: Any) -> AsyncIterator[Stand]:
    """A gateway with an account of its own, whose numbers get codes when a test says so."""
    config = changes.pop("config", SILENT)
    async with run_simulated(config, getatext_api_key=DEMO_KEY, **changes) as stand:
        yield stand


@asynccontextmanager
async def opened(
    stand: Stand, limits: Limits = SPENDER, *, url: str = "", name: str = "shop", width: int = WIDE
) -> AsyncIterator[Visit]:
    """The console, opened with a new key of these limits; `url`: of a proxy before the gateway."""
    key = await make_key(stand.gateway, name, limits)
    async with visiting(f"{url or stand.url}/console", width) as visit:
        await enter(visit.page, key)
        yield visit


async def enter(page: Page, key: str) -> None:
    """Open the console with a key."""
    await page.get_by_label("Gateway key").fill(key)
    await page.get_by_role("button", name="Open").click()
    await page.locator("#account").wait_for()


async def choose(page: Page, service: str = "Whatsapp") -> None:
    """Be asked whether to rent a number of a service."""
    await page.get_by_label("Service", exact=True).fill(service)
    await page.locator("#services button").first.click()


async def rent(page: Page, service: str = "Whatsapp") -> Locator:
    """Rent a number; what shows the rental."""
    await choose(page, service)
    await page.get_by_role("button", name="Buy for").click()
    card = page.locator("#live li").first
    await card.wait_for()
    return card


def only_rental(stand: Stand) -> int:
    """The provider's id of the one rental that was bought."""
    (rental_id,) = stand.sim.books.rentals
    return int(rental_id)
