"""The official Python client's own flow, with a person's browser beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl

from tests.mcp.oauth.support import Person, signing_in
from tests.mcp.support import LEGACY, MODERN, done, refused
from tests.support.stripping import stripping

BACK = "http://127.0.0.1:3030/callback"


@dataclass
class Stored:
    """What the client keeps between its runs."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class SigningIn:
    """What the client does with its person: it sends her away, and hears from her browser."""

    person: Person
    key: str
    decision: str = "allow"
    max_per_day: str = "10"
    asked: int = 0
    told: AuthorizationCodeResult | None = None

    async def send(self, url: str) -> None:
        self.asked += 1
        shown = await self.person.opens(url)
        back = await self.person.sends(
            shown, self.decision, key=self.key, max_per_day=self.max_per_day
        )
        assert back.status == 303, back.page.text
        assert back.location.startswith(f"{BACK}?")
        self.told = AuthorizationCodeResult.model_validate({"code": "", **back.told})

    async def hear(self) -> AuthorizationCodeResult:
        assert self.told is not None
        return self.told


def provider(url: str, person: SigningIn, stored: Stored, **metadata: str) -> OAuthClientProvider:
    asked = OAuthClientMetadata.model_validate(
        {"client_name": "Agent", "redirect_uris": [AnyUrl(BACK)], **metadata}
    )
    return OAuthClientProvider(url, asked, stored, person.send, person.hear)


@asynccontextmanager
async def connected(
    url: str, auth: OAuthClientProvider, mode: str = LEGACY
) -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(auth=auth, timeout=60, follow_redirects=True) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


@pytest.mark.parametrize(
    ("mode", "method"),
    [(LEGACY, "none"), (LEGACY, "client_secret_basic"), (LEGACY, ""), (MODERN, "none")],
)
async def test_it_signs_in_and_buys_within_its_limits(mode: str, method: str) -> None:
    more = {"token_endpoint_auth_method": method} if method else {}
    wanted = {"service_code": "whatsapp", "max_price": "1.00"}
    async with signing_in() as stand:
        person = SigningIn(stand.person, await stand.node.key(), max_per_day="1")
        auth = provider(stand.node.mcp, person, Stored(), **more)
        async with connected(stand.node.mcp, auth, mode) as client:
            rental = await done(client, "rent_number", wanted)
            code = await done(client, "wait_for_code", {"rental_id": rental["id"]})
            cheap = await done(client, "list_prices", {"max_price": "1.00"})
            other = next(e for e in cheap["data"] if e["service_code"] != "whatsapp")
            again = {**wanted, "service_code": other["service_code"]}
            beyond = await refused(client, "rent_number", again)
        child, rentals = await stand.node.named("Agent"), stand.sim.books.rentals

    assert person.asked == 1
    assert code["status"] == "received"
    assert beyond.startswith("budget_exceeded: ")
    assert len(rentals) == 1
    assert child.limits.max_per_day == 1


async def test_it_refreshes_by_itself_and_signs_in_again_once_its_key_was_revoked() -> None:
    stored = Stored()
    async with signing_in() as stand:
        person = SigningIn(stand.person, await stand.node.key())
        auth = provider(stand.node.mcp, person, stored)
        async with connected(stand.node.mcp, auth) as client:
            await done(client, "get_balance")
            asked, first = person.asked, stored.tokens
            stand.clock.ahead = timedelta(hours=2)
            auth.context.token_expiry_time = 1.0  # its own clock says so, too
            await done(client, "get_balance")
        refreshed, second = person.asked, stored.tokens
        child = await stand.node.named("Agent")
        await stand.node.gateway.keys.revoke(child.id, datetime.now(UTC))
        auth = provider(stand.node.mcp, person, stored)
        async with connected(stand.node.mcp, auth) as client:
            await done(client, "get_balance")

    assert first is not None
    assert second is not None
    assert first.refresh_token != second.refresh_token
    assert (asked, refreshed, person.asked) == (1, 1, 2)


async def test_it_is_told_that_a_person_declined() -> None:
    async with signing_in() as stand:
        person = SigningIn(stand.person, "", decision="deny")
        auth = provider(stand.node.mcp, person, Stored())
        with pytest.RaisesGroup(OAuthFlowError, flatten_subgroups=True, allow_unwrapped=True):
            async with connected(stand.node.mcp, auth):
                pass
        keys = await stand.node.gateway.keys.all()

    assert person.asked == 1
    assert keys == []


async def test_it_signs_in_below_a_path() -> None:
    async with (
        stripping("/getatext") as proxy,
        signing_in(gateway_public_url=proxy.url) as stand,
    ):
        proxy.target = stand.node.url
        person = SigningIn(stand.person, await stand.node.key())
        auth = provider(f"{proxy.url}/mcp", person, Stored())
        async with connected(f"{proxy.url}/mcp", auth) as client:
            await done(client, "get_balance")
        pages = [shown.url for shown in stand.person.seen]

    assert person.asked == 1
    assert all(url.startswith(f"{proxy.url}/") for url in pages)
    assert urlsplit(str(auth.context.auth_server_url)).path == "/getatext"
