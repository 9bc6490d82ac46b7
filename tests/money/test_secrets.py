"""No key is written anywhere: not into the ledger, a log, a metric or an answer."""

import asyncio
import json
import os
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
from tests.support.money import RENT, SHOP
from tests.support.postgres import Postgres
from tests.support.program import ROOT
from tests.support.waiting import until

SERVERS = "sk_of-the-server-4f1e8a7d"
CALLERS = "sk_of-a-caller-93b2c6e0"
WRONG = "sk_of-nobody-58d7a1f4"
ODD = "no/usual+key=d41c0e77"
HOOK = "hook-secret-7be21c90"
SECRET = "hash-secret-16fa0e3b"
SHOP_OF_KEYS = replace(
    SHOP,
    accounts=(AccountConfig(SERVERS), AccountConfig(CALLERS), AccountConfig(ODD)),
    rules=Rules(code_after=0.0, cancel_locked=0.0),
)


@dataclass
class Told:
    """Everything that a gateway said to anybody."""

    answers: list[Answer] = field(default_factory=list)
    log: bytes = b""

    async def by(self, client: Client, method: str, path: str, **more: Any) -> Answer:
        answer = await client.ask(method, path, **more)
        self.answers.append(answer)
        return answer

    def pieces(self) -> Iterator[tuple[str, bytes]]:
        yield "the log", self.log
        for answer in self.answers:
            head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
            yield f"{answer.method} {answer.path}", head.encode() + answer.body


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
        told.log += log.read_bytes()


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
    for headers in ({"Auth": key}, {"Authorization": f"Bearer {key}"}, {"authorization": key}):
        await told.by(client, "GET", "/v1/balance", key=None, headers=headers)
    await told.by(client, "POST", f"/v1/rentals?api_key={quote(key)}", key=key, json=RENT)
    await told.by(client, "POST", "/v1/rentals", key=key, json={**RENT, "api_key": key})
    await told.by(client, "GET", f"/v1/{quote(key, safe='')}", key=key)
    await told.by(client, "GET", f"/{quote(key, safe='')}?key={quote(key)}", key=None)


async def old_tools(told: Told, client: Client, key: str) -> None:
    given = quote(key, safe="")
    for action in ("getBalance", "getNumber", "getPrices", "getNothing"):
        query = f"action={action}&service=whatsapp&api_key={given}"
        await told.by(client, "GET", f"/stubs/handler_api?{query}", key=None)
    for action in ("getBalance", "getNumber", "getPrices", "getStatus", "nothing"):
        query = f"action={action}&service=wa&country=187&id=12345&api_key={given}"
        await told.by(client, "GET", f"/stubs/handler_api.php?{query}", key=None)
    await told.by(client, "GET", "/api/v1/balance", key=None, headers={"Auth": key})
    await told.by(client, "POST", "/api/v1/rent-a-number", key=None, headers={"Auth": key},
                  json={"service": "whatsapp"})  # fmt: skip


async def hooks(told: Told, client: Client) -> None:
    for secret in (HOOK, CALLERS):
        body = {"id": 12345, "code": 4821, "key": CALLERS}
        await told.by(client, "POST", f"/webhooks/getatext/{secret}", key=None, json=body)
        await told.by(client, "POST", f"/webhooks/getatext/{secret}", key=None, data=b"not JSON")


def places(url: str, folder: Path, postgres: Postgres | None) -> Iterator[tuple[str, bytes]]:
    """Every byte of the store."""
    if postgres is not None:
        yield "the database", postgres.dump(url)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".log":
            yield path.name, path.read_bytes()


async def test_no_key_is_written_anywhere(
    store_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    told, of_postgres = Told(), store_url.startswith("postgres")
    form = "json" if of_postgres else "console"
    async with Simulator(SHOP_OF_KEYS).running() as sim:
        env = os.environ | {
            "GETATEXT_BASE_URL": sim.url,
            "GETATEXT_API_KEY": SERVERS,
            "GETATEXT_RATES": json.dumps(UNPACED),
            "GATEWAY_DATABASE_URL": store_url,
            "GATEWAY_SECRET": SECRET,
            "GATEWAY_WEBHOOK_SECRET": HOOK,
        }
        async with serving(env, told, tmp_path, form) as url:
            made, said = await cli(env, "keys", "create", "--name", "a shop", "--long-rentals")
            key = made.decode().strip()
            async with open_client(url, None) as client:
                client.checked = False
                for one in (key, CALLERS, ODD, WRONG, f"{key[:-1]}!", f"sk_{'x' * 300}"):
                    await everything(told, client, sim, one)
                for one in (key, CALLERS, ODD, WRONG):
                    await old_tools(told, client, one)
                await hooks(told, client)
                metrics = await told.by(client, "GET", "/metrics", key=None)
            commands = ("keys list --json", "ledger list --json", "balance")
            for texts in await asyncio.gather(*(cli(env, *line.split()) for line in commands)):
                told.log += b"".join(texts)
        served = [answer.status for answer in told.answers]
    postgres = request.getfixturevalue("postgres") if of_postgres else None
    searched = [*told.pieces(), *places(store_url, tmp_path, postgres), ("stderr", said)]
    forms = {form for one in (key, SERVERS, CALLERS, WRONG, ODD, HOOK, SECRET)
             for form in (one, quote(one, safe=""), json.dumps(one)[1:-1])}  # fmt: skip
    found = [(where, one) for where, raw in searched for one in forms if one.encode() in raw]

    assert key.startswith("gtw_")
    assert metrics.status == 200
    assert {200, 201, 400, 401, 404, 409} <= set(served)
    assert sum(len(raw) for _, raw in searched) > 50_000
    assert found == []
