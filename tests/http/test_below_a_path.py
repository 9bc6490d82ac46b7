"""The gateway below a path, behind a proxy that takes the path off: every address leads back."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import pytest
from aiohttp import ClientSession

from adapters.simulator import DEMO_KEY, Simulator
from gateway.wiring import open_gateway
from tests.mcp.support import QUICK, connected, done
from tests.support.gateway import have_accepted, listening, settings
from tests.support.stripping import stripping

HTML = {"Accept": "text/html"}
KEY = {"X-API-Key": DEMO_KEY}


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


@asynccontextmanager
async def below_a_path() -> AsyncIterator[str]:
    """The public URL of such a gateway."""
    async with stripping("/getatext") as proxy, Simulator(QUICK).running() as sim:
        chosen = settings(sim.url, gateway_public_url=proxy.url)
        async with open_gateway(chosen) as gateway, listening(gateway.app()) as url:
            await have_accepted(gateway, DEMO_KEY)
            proxy.target = url
            yield proxy.url


class Links(HTMLParser):
    """What a page leads to and loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name in {"href", "src"} and value}


async def get(session: ClientSession, url: str, **headers: str) -> tuple[int, str, str]:
    """The status, the address at the end of redirects, and the text."""
    async with session.get(url, headers=headers) as answer:
        return answer.status, str(answer.url), await answer.text(errors="replace")


async def read(session: ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        assert answer.status == 200, url
        return await answer.json(content_type=None)


async def test_every_link_of_every_page_leads_back_below_the_path(session: ClientSession) -> None:
    async with below_a_path() as public:
        followed = set()
        for page in (public, f"{public}/docs", f"{public}/docs/", f"{public}/console/"):
            status, here, text = await get(session, page, **HTML)
            links = Links()
            links.feed(text)
            assert status == 200
            assert links.found
            followed |= {urljoin(here, link) for link in links.found}
        ours = {link for link in followed if not link.startswith("https://getatext.com")}

        assert all(link.startswith(f"{public}/") for link in ours), ours
        assert {(await get(session, link))[0] for link in ours} == {200}
        assert f"{public}/assets/swagger-ui-bundle.js" in ours
        text = (await get(session, f"{public}/", **HTML))[2]
        shown = re.findall(r"https?://127[^<'&]*", text)
        assert shown
        assert all(address.startswith(f"{public}/") for address in shown)


async def test_what_programs_read_names_addresses_below_the_path(session: ClientSession) -> None:
    async with below_a_path() as public:
        facts = await read(session, f"{public}/")
        pages = [facts["health"], facts["viewer"], facts["acceptable_use"], *facts["documents"]]
        assert {(await get(session, page))[0] for page in pages} == {200}
        assert (await read(session, f"{public}/openapi.json"))["servers"][0]["url"] == public
        assert (await read(session, f"{public}/swagger.json"))["basePath"] == "/getatext"
        (entry,) = (await read(session, f"{public}/.well-known/ai-catalog.json"))["entries"]
        card = await read(session, entry["url"])
        assert {(await get(session, icon["src"]))[0] for icon in card["icons"]} == {200}
        async with connected(card["remotes"][0]["url"], "auto") as client:
            assert "balance" in await done(client, "get_balance")


async def test_calls_go_through_and_a_location_leads_back(session: ClientSession) -> None:
    async with below_a_path() as public:
        asked = {"service_code": "whatsapp"}
        async with session.post(f"{public}/v1/rentals", json=asked, headers=KEY) as answer:
            bought, location = await answer.json(), answer.headers["Location"]
        status, here, text = await get(session, urljoin(f"{public}/v1/rentals", location), **KEY)
        legacy = f"{public}/stubs/handler_api.php?action=getBalance&api_key={DEMO_KEY}"
        balance = await get(session, legacy)
        async with session.get(f"{public}/v1/events/stream", headers=KEY) as stream:
            first = await stream.content.readline()

    assert status == 200
    assert here == f"{public}/v1/rentals/{bought['id']}"
    assert str(bought["id"]) in text
    assert balance[2].startswith("ACCESS_BALANCE:")
    assert first
