"""A purchase through an HTTP proxy: where it broke says whether it may have been made."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.core.model.callers import Limits
from tests.support.contract import Answer
from tests.support.gateway import Client, run_gateway
from tests.support.keys import make_key
from tests.support.money import OWN
from tests.support.proxy import Proxy, Step
from tests.support.samples import PRICES, RENTED
from tests.support.scripted import Act, Asked, Said, Scripted, reply
from tests.support.tls import Authority
from tests.support.waiting import until

BOUGHT: Said = reply(200, RENTED)
RENT = "/api/v1/rent-a-number"
WANTS_LOGIN = b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Office:
    """A gateway whose only way to the provider is a proxy."""

    client: Client
    proxy: Proxy
    provider: Scripted
    bought: Said = BOUGHT

    def answer(self, asked: Asked) -> Said:
        return self.bought if asked.path == RENT else reply(200, PRICES)

    async def rent(self, request_id: str) -> Answer:
        asked = {"service_code": "whatsapp", "request_id": request_id}
        return await self.client.post("/v1/rentals", asked)

    async def books(self) -> tuple[str, str]:
        """What is charged and what is reserved."""
        total: dict[str, Any] = (await self.client.get("/v1/usage")).json["total"]
        return total["charged"], total["reserved"]

    @property
    def asked(self) -> int:
        """How often the provider was asked for a number."""
        return sum(asked.path == RENT for asked in self.provider.asked)


@asynccontextmanager
async def open_office(folder: Path) -> AsyncIterator[Office]:
    authority = Authority(folder)
    async with Proxy().running() as proxy:
        provider = Scripted(tls=authority.serving("localhost"))
        ways: dict[str, Any] = {
            "getatext_proxy": f"http://user:secret@127.0.0.1:{proxy.port}",
            "getatext_ca_file": authority.file,
            "getatext_api_key": OWN,
        }
        async with provider.running(), run_gateway(provider.url, **ways) as running:
            key = await make_key(running.gateway, "a test", Limits(budget_day=Decimal("1.00")))
            office = Office(replace(running.client, key=key), proxy, provider)
            provider.always = office.answer
            assert (await office.client.get("/v1/prices")).status == 200
            yield office


BEFORE = [  # what the proxy does before anything is sent to the provider, and what is said of it
    (Step.REFUSE, BUSY, "the proxy before it answers 503"),
    (Step.REFUSE, WANTS_LOGIN, "the proxy before it wants a login"),
    (Step.CUT, b"", "cannot be reached"),
    (Step.CUT_IN_HANDSHAKE, b"", "cannot be reached"),
]


async def test_what_the_proxy_did_not_let_through_is_not_charged_and_can_be_bought_again(
    tmp_path: Path,
) -> None:
    async with open_office(tmp_path) as office:
        for step, says, said in BEFORE:
            office.proxy.step, office.proxy.says = step, says
            refused = await office.rent("order-1")

            assert (refused.status, refused.json["code"]) == (503, "upstream_unavailable")
            assert (refused.json["charged"], refused.json["retryable"]) == ("no", True)
            assert said in refused.json["detail"]
            assert await office.books() == ("0.00", "0.00")
        assert office.asked == 0
        office.proxy.step = Step.PASS
        bought = [await office.rent("order-1") for _ in range(2)]
        books = await office.books()

    assert [answer.status for answer in bought] == [201, 201]
    assert bought[0].body == bought[1].body
    assert (office.asked, books) == (1, ("0.55", "0.00"))


async def test_a_tunnel_that_breaks_after_the_purchase_was_sent_leaves_it_unknown(
    tmp_path: Path,
) -> None:
    async with open_office(tmp_path) as office:
        office.bought = Act.HANG
        buying = asyncio.ensure_future(office.rent("order-1"))
        await until(lambda: office.asked)
        office.proxy.cut()
        lost, again = await buying, await office.rent("order-1")
        books = await office.books()

    assert (lost.status, lost.json["code"]) == (409, "outcome_unknown")
    assert lost.json["charged"] == "unknown"
    assert again.body == lost.body
    assert (office.asked, books) == (1, ("0.00", "0.55"))


@pytest.mark.parametrize("path", ["/v1/prices", "/readyz"])
async def test_a_proxy_that_is_gone_is_no_fault_of_the_gateway_s(tmp_path: Path, path: str) -> None:
    async with open_office(tmp_path) as office:
        office.proxy.step = Step.CUT

        assert (await office.client.get(path)).status == 200
