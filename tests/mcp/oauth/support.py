"""A gateway whose /mcp clients sign in to, a person's browser, and a client without a library."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from aiohttp import ClientResponse, ClientSession, CookieJar

from adapters.simulator import DEMO_KEY, Simulator, SimulatorConfig
from gateway.core.model.callers import GATEWAY_KEY_PREFIX, GatewayKey, Limits
from gateway.wiring import Gateway, SystemClock, open_gateway
from gateway.wiring import gateway as wiring
from tests.mcp.support import QUICK
from tests.support.gateway import listening, settings

CALLBACK = "https://claude.ai/api/mcp/auth_callback"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
MCP_HEADERS = {"Accept": "application/json, text/event-stream"}
Form = dict[str, str]


class Page(HTMLParser):
    """What stands in a page: the fields of its form, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: Form = {}
        self.action = ""
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = given["action"] or ""
        if tag == "input":
            self.fields[given["name"] or ""] = given.get("value") or ""

    def handle_data(self, data: str) -> None:
        self.text += f" {data.strip()}"


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer to the browser: a page, or where it goes next."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: str

    @property
    def page(self) -> Page:
        return Page(self.body)

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def told(self) -> Form:
        """What the redirect tells the client."""
        return dict(parse_qsl(urlsplit(self.location).query))


@dataclass
class Person:
    """A person before a browser with cookies and without scripts."""

    session: ClientSession
    seen: list[Shown] = field(default_factory=list)

    async def opens(self, url: str) -> Shown:
        """The page at the end of the gateway's own redirects, or the redirect to a client."""
        origin = urlsplit(url).netloc
        while True:
            async with self.session.get(url, allow_redirects=False) as answer:
                shown = await self._look(answer)
            if shown.status != 302 or urlsplit(shown.location).netloc != origin:
                return shown
            url = shown.location

    async def sends(self, shown: Shown, decision: str = "allow", **given: str) -> Shown:
        """Fill the form in and send it."""
        form = {**shown.page.fields, **given, "decision": decision}
        url = urljoin(shown.url, shown.page.action)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(shown.url))
        async with self.session.post(
            url, data=form, headers={"Origin": origin}, allow_redirects=False
        ) as answer:
            return await self._look(answer)

    async def _look(self, answer: ClientResponse) -> Shown:
        self.seen.append(
            Shown(answer.status, str(answer.url), answer.headers.copy(), await answer.text())
        )
        return self.seen[-1]


@dataclass(frozen=True, slots=True)
class Answered:
    """What an endpoint answers."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass
class App:
    """A client: registered, and with a verifier of its own."""

    node: Node
    registered: dict[str, Any]
    redirect_uri: str = CALLBACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(8))

    @property
    def id(self) -> str:
        return str(self.registered["client_id"])

    def url(self, **changes: str | None) -> str:
        """Where it sends a person; None leaves a parameter out."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            "resource": self.node.mcp,
            **changes,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return f"{self.node.url}/authorize?{urlencode(given)}"

    async def authorized(self, person: Person, key: str, **given: str) -> str:
        """The code that a person lets it have."""
        back = await person.sends(await person.opens(self.url()), key=key, **given)
        assert back.status == 303, back.body
        assert (back.told["state"], back.told["iss"]) == (self.state, self.node.base)
        return back.told["code"]

    async def redeem(self, code: str, node: Node | None = None, /, **changes: str) -> Answered:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.id,
            "code_verifier": self.verifier,
            "resource": self.node.mcp,
            **self.secret,
            **changes,
        }
        return await (node or self.node).post("/token", form)

    async def refresh(self, token: str, node: Node | None = None, **changes: str) -> Answered:
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": self.id}
        return await (node or self.node).post("/token", {**form, **self.secret, **changes})

    async def revoke(self, token: str) -> Answered:
        return await self.node.post(
            "/revoke", {"token": token, "client_id": self.id, **self.secret}
        )

    async def signed_in(self, person: Person, key: str, **given: str) -> dict[str, Any]:
        """The tokens at the end of it all."""
        got = await self.redeem(await self.authorized(person, key, **given))
        assert got.status == 200, got.body
        tokens: dict[str, Any] = got.body
        return tokens

    @property
    def secret(self) -> Form:
        if "client_secret" not in self.registered:
            return {}
        return {"client_secret": self.registered["client_secret"]}


@dataclass
class Node:
    """A gateway on a socket; `base` is its public URL."""

    gateway: Gateway
    url: str
    base: str
    session: ClientSession

    @property
    def mcp(self) -> str:
        return f"{self.base}/mcp"

    async def post(self, path: str, form: Any, **headers: str) -> Answered:
        async with self.session.post(self.url + path, data=form, headers=headers) as answer:
            body = await answer.json(content_type=None) if await answer.read() else None
            return Answered(answer.status, body, answer.headers.copy())

    async def get(self, path: str) -> Answered:
        async with self.session.get(self.url + path) as answer:
            return Answered(
                answer.status, await answer.json(content_type=None), answer.headers.copy()
            )

    async def registers(self, **metadata: Any) -> Answered:
        usual = {
            "client_name": "Claude",
            "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "none",
        }
        url = f"{self.url}/register"
        async with self.session.post(url, json={**usual, **metadata}) as answer:
            return Answered(answer.status, await answer.json(), answer.headers.copy())

    async def app(self, **metadata: Any) -> App:
        """A client that registers itself."""
        done = await self.registers(**metadata)
        assert done.status == 201, done.body
        return App(self, done.body, redirect_uri=done.body["redirect_uris"][0])

    async def calls(self, token: str | None) -> Answered:
        """The answer of /mcp to an access token."""
        headers = {**MCP_HEADERS, **({"Authorization": f"Bearer {token}"} if token else {})}
        async with self.session.post(f"{self.url}/mcp", json=INITIALIZE, headers=headers) as answer:
            return Answered(answer.status, await answer.text(), answer.headers.copy())

    async def key(self, name: str = "shop", *, secret: str = "", **limits: Any) -> str:
        """A new gateway key; its secret."""
        secret = secret or GATEWAY_KEY_PREFIX + secrets.token_urlsafe(24)
        now = datetime.now(UTC)
        hashed = self.gateway.hasher.name(secret)
        made = GatewayKey(secrets.token_hex(4), name, hashed, Limits(**limits), now)
        await self.gateway.keys.create(made)
        return secret

    async def named(self, name: str) -> GatewayKey:
        """The key with this name."""
        (found,) = [key for key in await self.gateway.keys.all() if key.name == name]
        return found


class MovedClock(SystemClock):
    """The system clock, so much later."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead.total_seconds()


@dataclass
class Stand:
    """One or more nodes on one database, before the simulator, and a person."""

    nodes: list[Node]
    sim: Simulator
    person: Person
    clock: MovedClock
    browsers: AsyncExitStack

    @property
    def node(self) -> Node:
        return self.nodes[0]

    async def somebody(self) -> Person:
        """Another person, in a browser of her own."""
        browser = ClientSession(cookie_jar=CookieJar(unsafe=True))
        return Person(await self.browsers.enter_async_context(browser))


@asynccontextmanager
async def signing_in(
    database: str = "",
    *,
    nodes: int = 1,
    config: SimulatorConfig = QUICK,
    **changes: Any,
) -> AsyncIterator[Stand]:
    """Gateways with OAuth on, as many as wanted; those of several share a public URL."""
    changes = {"gateway_oauth": True, "getatext_api_key": DEMO_KEY, **changes}
    if database:
        changes["gateway_database_url"] = database
        changes.setdefault("gateway_secret", "a secret of the nodes of one database")
    if nodes > 1:
        changes.setdefault("gateway_public_url", "http://127.0.0.1:1")
    public = changes.get("gateway_public_url", "").rstrip("/")
    async with AsyncExitStack() as opened:
        sim = await opened.enter_async_context(Simulator(config).running())
        session = await opened.enter_async_context(ClientSession())
        clock, running = MovedClock(), list[Node]()
        opened.enter_context(patch.object(wiring, "SystemClock", lambda: clock))
        for _ in range(nodes):
            chosen = settings(sim.url, **changes)
            gateway = await opened.enter_async_context(open_gateway(chosen))
            url = await opened.enter_async_context(listening(gateway.app()))
            running.append(Node(gateway, url, public or url, session))
        stand = Stand(running, sim, Person(session), clock, opened)
        stand.person = await stand.somebody()
        yield stand
