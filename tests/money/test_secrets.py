"""No key is written anywhere: not into the ledger, a log, a metric or an answer."""

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from adapters.simulator import AccountConfig, Fault, FaultKind, Rules, Simulator
from tests.support.contract import Answer
from tests.support.gateway import UNPACED, Client, open_client
from tests.support.money import CHARGING, RENT
from tests.support.postgres import Postgres
from tests.support.program import ROOT
from tests.support.waiting import until

SERVERS = "sk_of-the-server-4f1e8a7d"
CALLERS = "sk_of-a-caller-93b2c6e0"
WRONG = "sk_of-nobody-58d7a1f4"
ODD = "no/usual+key=d41c0e77"
HOOK = "hook-secret-7be21c90"
SECRET = "hash-secret-16fa0e3b-2b6e61c50d9f"
WITH_THREE_ACCOUNTS = replace(
    CHARGING,
    accounts=(AccountConfig(SERVERS), AccountConfig(CALLERS), AccountConfig(ODD)),
    rules=Rules(code_after=0.0, cancel_locked=0.0),
)

FACES = {
    "/metrics": {200},
    "/mcp": {200, 404},
    "/v1/rentals": {200, 201, 400, 401, 409},
    "/api/v1/rent-a-number": {201, 400, 403},
    "/stubs/handler_api": {200, 201, 400, 403},
    "/stubs/handler_api.php": {200},
    "/daisysms/stubs/handler_api.php": {200},
}


@dataclass
class Told:
    """Everything that a gateway said to anybody."""

    answers: list[Answer] = field(default_factory=list)
    log: bytes = b""
    of_server: bytes = b""

    async def by(self, client: Client, method: str, path: str, **more: Any) -> Answer:
        answer = await client.ask(method, path, **more)
        self.answers.append(answer)
        return answer

    def expect_everything(self, hook: str) -> None:
        """Fails unless every face was asked, and answered good calls as well as bad ones."""
        answered: dict[str, set[int]] = {}
        for one in self.answers:
            answered.setdefault(one.path, set()).add(one.status)
        for path, statuses in {**FACES, hook: {200}}.items():
            assert answered[path] >= statuses, (path, answered[path])
        assert b"rental.created" in self.log
        for line in (
            b"listening",
            b"request",
            b"purchase",
            b"no answer of the provider",
            b"stopped",
        ):
            assert line in self.of_server
        assert any(b"holds a key" in one.body for one in self.answers if one.path == "/mcp")

    def numbers(self) -> set[bytes]:
        """The numbers that were rented, without their plus."""
        return {
            number for one in self.answers for number in re.findall(rb'"\+(1[0-9]{10})"', one.body)
        }

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        yield "the log", self.log
        for answer in self.answers:
            head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
            yield f"{answer.method} {answer.path} {answer.status}", head.encode() + answer.body


async def cli(env: dict[str, str], *words: str) -> tuple[bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *words), cwd=ROOT, env=env, stdout=PIPE, stderr=PIPE
    )
    return await process.communicate()


@asynccontextmanager
async def serving(env: dict[str, str], told: Told, folder: Path, form: str) -> AsyncIterator[str]:
    """The program as an operator runs it, everything it says going into the log."""
    log = folder / f"{form}.log"
    words = ["serve", "--port", "0", "--log-format", form, "--log-level", "debug"]
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *words), cwd=ROOT, env=env, stdout=file, stderr=file
        )
    try:
        await until(lambda: _address(log.read_bytes()))
        url = _address(log.read_bytes())
        assert url is not None
        yield url
    finally:
        process.terminate()
        await process.wait()
        told.of_server += log.read_bytes()
        told.log += told.of_server


def _address(log: bytes) -> str | None:
    _, found, rest = log.partition(b"http://127.0.0.1:")
    port = rest[: len(rest) - len(rest.lstrip(b"0123456789"))]
    return f"http://127.0.0.1:{port.decode()}" if found and rest[len(port) :] else None


PATHS: list[tuple[str, str, Any]] = [
    ("GET", "/v1/prices", None),
    ("GET", "/v1/balance", None),
    ("POST", "/v1/rentals", {**RENT, "request_id": "order-1"}),
    ("POST", "/v1/rentals", {**RENT, "request_id": "order-1"}),
    ("POST", "/v1/rentals", {"service_code": "rare"}),
    ("POST", "/v1/rentals", {"service_code": "nothing"}),
    ("GET", "/v1/rentals", None),
    ("GET", "/v1/rentals/12345", None),
    ("GET", "/v1/rentals/12345/code?wait_seconds=1", None),
    ("POST", "/v1/rentals/12345/cancel", None),
    ("POST", "/v1/rentals/12345/complete", None),
    ("POST", "/v1/rentals/12345/rent-again", None),
    ("POST", "/v1/long-rentals", {"period": "1w"}),
    ("GET", "/v1/long-rentals", None),
    ("POST", "/v1/long-rentals/1/renew", None),
    ("POST", "/v1/long-rentals/1/auto-renew", {"auto_renew": True}),
    ("GET", "/v1/long-rentals/1/messages", None),
    ("POST", "/v1/long-rentals/1/cancel", None),
    ("GET", "/v1/nothing", None),
]


async def everything(told: Told, client: Client, sim: Simulator, key: str) -> None:
    """Every operation with a key in every place, and every kind of thing that goes wrong."""
    for method, path, given in PATHS:
        await told.by(client, method, path, key=key, json=given)
    for fault in (FaultKind.DROP_AFTER, FaultKind.HTML, FaultKind.CUT_JSON):
        sim.script(Fault("*", fault))
        await told.by(client, "POST", "/v1/rentals", key=key, json=RENT)
    sent = SERVERS if key.startswith("gtw_") else key
    echo = json.dumps({"errors": f"The key {sent} is odd"})
    sim.script(Fault("*", FaultKind.STATUS, status=400, body=echo))
    await told.by(client, "POST", "/v1/rentals", key=key, json=RENT)
    sim.provider.faults.clear()  # those of a key that is refused: it asks the provider once
    for headers in ({"Auth": key}, {"Authorization": f"Bearer {key}"}, {"authorization": key}):
        await told.by(client, "GET", "/v1/balance", key=None, headers=headers)
    await told.by(client, "POST", f"/v1/rentals?api_key={quote(key)}", key=key, json=RENT)
    await told.by(client, "POST", "/v1/rentals", key=key, json={**RENT, "api_key": key})
    await odd_places(told, client, key)
    await told.by(client, "GET", f"/v1/{quote(key, safe='')}", key=key)
    await told.by(client, "GET", f"/{quote(key, safe='')}?key={quote(key)}", key=None)


async def odd_places(told: Told, client: Client, key: str) -> None:
    """A key where none belongs: as the name of a field or header, as an input, as a name."""
    in_url = quote(key, safe="")
    for body in (
        {**RENT, key: 1},
        {key: {key: key}},
        {**RENT, "carrier": key},
        {**RENT, "request_id": key},
        {"service_code": key},
        [key],
    ):
        await told.by(client, "POST", "/v1/rentals", key=key, json=body)
    await told.by(client, "POST", "/v1/rentals", key=key, data=f'{{"{key}"'.encode())
    for query in (f"{in_url}=1", f"{in_url}=1&{in_url}=2", f"service_code={in_url}&limit={in_url}"):
        await told.by(client, "GET", f"/v1/prices?{query}", key=key)
    await told.by(client, "GET", f"/v1/rentals/{in_url}/code", key=key)
    await told.by(
        client, "GET", "/v1/events/stream?cursor=x", key=key, headers={"Last-Event-ID": key}
    )
    for name in ("Idempotency-Key", "X-Request-Id", "Content-Type", "Cookie", "User-Agent"):
        await told.by(client, "POST", "/v1/rentals", key=key, json=RENT, headers={name: key})
    if key.replace("_", "").replace("-", "").isalnum():
        await told.by(client, "GET", "/v1/balance", key=None, headers={f"X-{key}": "1"})


async def agents(told: Told, client: Client, key: str) -> None:
    """Through MCP: good calls, and keys among the arguments and for names."""
    capped = {**RENT, "max_price": "1.00"}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("tools/call", {"name": "get_balance", "arguments": {}}),
        ("tools/call", {"name": "rent_number", "arguments": capped}),
        ("tools/call", {"name": "rent_number", "arguments": {**capped, key: 1}}),
        ("tools/call", {"name": "rent_number", "arguments": {**capped, "service_code": key}}),
        ("tools/call", {"name": "rent_number", "arguments": {**capped, "request_id": key}}),
        ("tools/call", {"name": "get_rental", "arguments": {"rental_id": key}}),
        ("tools/call", {"name": "get_rental", "arguments": key}),
        ("tools/call", {"name": key, "arguments": {}}),
        ("tools/call", {key: key}),
        ("resources/read", {"uri": f"getatext://{quote(key, safe='')}"}),
        ("prompts/get", {"name": key, "arguments": {key: key}}),
        (key, {}),
    ]
    accept = {"Accept": "application/json, text/event-stream"}
    opening = {"protocolVersion": "2025-11-25", "capabilities": {},
               "clientInfo": {"name": "a test", "version": "1"}}  # fmt: skip
    begun = await mcp(told, client, key, "initialize", opening, accept)
    session = accept | {"Mcp-Session-Id": begun.headers.get("Mcp-Session-Id", "none")}
    for method, params in calls:
        await mcp(told, client, key, method, params, session)
        await mcp(told, client, key, method, params, accept | {"Mcp-Session-Id": key})


async def mcp(
    told: Told, client: Client, key: str, method: str, params: Any, headers: dict[str, str]
) -> Answer:
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return await told.by(client, "POST", "/mcp", key=key, json=asked, headers=headers)


async def events(told: Told, client: Client, key: str) -> None:
    """What the stream tells of a rental, while it is bought."""
    heard = b""
    async with client.session.get(
        f"{client.url}/v1/events/stream", headers={"X-API-Key": key}
    ) as stream:
        await told.by(client, "POST", "/v1/rentals", key=key, json=RENT)
        while b"rental.created" not in heard:
            heard += await asyncio.wait_for(stream.content.readany(), 60)
    told.log += heard


async def old_tools(told: Told, client: Client, key: str) -> None:
    given = quote(key, safe="")
    for action in ("getBalance", "getNumber", "getPrices", "getNothing"):
        query = f"action={action}&service=whatsapp&api_key={given}"
        await told.by(client, "GET", f"/stubs/handler_api?{query}", key=None)
    for action in ("getBalance", "getNumber", "getPrices", "getStatus", "nothing"):
        query = f"action={action}&service=wa&country=187&id=12345&api_key={given}"
        await told.by(client, "GET", f"/stubs/handler_api.php?{query}", key=None)
        await told.by(client, "GET", f"/daisysms/stubs/handler_api.php?{query}", key=None)
    for path in [path for path in FACES if "/stubs/" in path]:
        for odd in (f"action={given}", f"action=getNumber&service={given}", f"{given}={given}",
                    f"action=getStatus&id={given}"):  # fmt: skip
            await told.by(client, "GET", f"{path}?{odd}&api_key={given}", key=None)
        form = {"api_key": key, "action": "getNumber", "service": key, key: key}
        await told.by(client, "POST", path, key=None, data=form)
    await told.by(client, "GET", "/api/v1/balance", key=None, headers={"Auth": key})
    for body in ({"service": "whatsapp"}, {"service": key}, {"service": "whatsapp", key: key}):
        await told.by(client, "POST", "/api/v1/rent-a-number", key=None, headers={"Auth": key},
                      json=body)  # fmt: skip
    await told.by(client, "POST", "/api/v1/rental-status", key=None, headers={"Auth": key},
                  json={"id": key})  # fmt: skip
    await told.by(client, "POST", f"/api/v1/{given}", key=None, headers={"Auth": key})


async def hook_of(env: dict[str, str], key: str) -> str:
    """The path secret of an account's webhook: the one thing that tells it is asked for it."""
    told, _ = await cli(
        env | {"GETATEXT_API_KEY": key, "GETATEXT_WEBHOOK_SECRET": ""}, "provider-webhook"
    )
    return told.decode().strip().rpartition("/")[2]


async def hooks(told: Told, client: Client, callers_hook: str) -> None:
    for secret in (HOOK, CALLERS, callers_hook):
        path = f"/webhooks/getatext/{secret}"
        body = {"id": 12345, "code": 4821, "key": CALLERS}
        await told.by(client, "POST", path, key=None, json=body)
        await told.by(client, "POST", path, key=None, data=b"not JSON")
        await told.by(client, "POST", f"{path}?api_key={CALLERS}", key=None, json={CALLERS: 1})


def places(url: str, folder: Path, postgres: Postgres | None) -> Iterator[tuple[str, bytes]]:
    """Every byte of the store."""
    if postgres is not None:
        yield "the database", postgres.dump(url)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".log":
            yield path.name, path.read_bytes()


def forms(*secrets: str) -> set[str]:
    """Each as it is, as in a URL, and as in JSON."""
    return {
        form
        for one in secrets
        for form in (one, quote(one, safe=""), json.dumps(one)[1:-1], one.replace("_", "-"))
    }


async def the_whole_run(told: Told, url: str, sim: Simulator, key: str, callers_hook: str) -> None:
    async with open_client(url, None) as client:
        client.checked = False
        for one in (key, CALLERS, ODD, WRONG, f"{key[:-1]}!", f"sk_{'x' * 300}"):
            await everything(told, client, sim, one)
        for one in (key, CALLERS, ODD, WRONG):
            await old_tools(told, client, one)
            await agents(told, client, one)
        for one in (key, CALLERS, ODD):
            await events(told, client, one)
        await hooks(told, client, callers_hook)
        await told.by(client, "GET", "/metrics", key=None)


async def test_no_key_is_written_anywhere(
    store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    told, of_postgres = Told(), store_url.startswith("postgres")
    async with Simulator(WITH_THREE_ACCOUNTS).running() as sim:
        env = os.environ | {
            "GETATEXT_BASE_URL": sim.url,
            "GETATEXT_API_KEY": SERVERS,
            "GETATEXT_RATES": json.dumps(UNPACED),
            "GATEWAY_DATABASE_URL": store_url,
            "GATEWAY_SECRET": SECRET,
            "GETATEXT_WEBHOOK_SECRET": HOOK,
        }
        form = "json" if of_postgres else "console"
        async with serving(env, told, tmp_path, form) as url:
            made, said = await cli(
                env, "keys", "create", "--name", "a shop", "--long-rentals", "--no-budget"
            )
            key = made.decode().strip()
            callers_hook = await hook_of(env, CALLERS)
            await the_whole_run(told, url, sim, key, callers_hook)
            commands = ("keys list --json", "ledger list --json", "balance", "purge")
            for texts in await asyncio.gather(*(cli(env, *line.split()) for line in commands)):
                told.log += b"".join(texts)
    postgres = request.getfixturevalue("postgres") if of_postgres else None
    searched = [*told.pieces(), *places(store_url, tmp_path, postgres), ("stderr", said)]
    secret = forms(key, SERVERS, CALLERS, WRONG, ODD, HOOK, SECRET, callers_hook.split(".")[1])
    found = [(where, one) for where, raw in searched for one in secret if one.encode() in raw]

    assert key.startswith("gtw_")
    told.expect_everything(f"/webhooks/getatext/{callers_hook}")
    assert sum(len(raw) for _, raw in searched) > 50_000
    assert found == []
    assert told.numbers()
    assert [number for number in told.numbers() if number in told.of_server] == []
