"""docs/migrate.md shows conversations with the simulated gateway: all of them are so.

`python -m tests.faces.test_migrate --write` plays them and writes down what was said.
"""

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator import SimulatorConfig
from tests.faces.support import PHP
from tests.support.contract import Answer
from tests.support.gateway import Stand, run_simulated
from tests.support.waiting import until

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "migrate.md"
HOST = "http://127.0.0.1:8080"
LATER = "# some seconds later"
SHOWN_HEADERS = ("X-Price", "X-Text")
_BLOCK = re.compile(r"^```text\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
A_TIME = "2026-11-30 10:41:03"


def conversations() -> list[str]:
    """All of the document, but for the one that a real client has."""
    blocks = _BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))
    return [block for block in blocks if f"{HOST}{PHP}" not in block]


def requests_in(block: str) -> Iterator[str]:
    """The requests of a conversation, and where time passes."""
    return (line for line in block.splitlines() if line and not line.startswith(" "))


@asynccontextmanager
async def as_served() -> AsyncIterator[Stand]:
    """The gateway as `make run` starts it, before the simulated provider's own catalogue."""
    async with run_simulated(SimulatorConfig()) as stand:
        yield stand


async def send(stand: Stand, line: str) -> Answer:
    method, target, *body = line.removesuffix("\n").split(" ", 2)
    headers = {"Auth": "sk_demo"} if "/api/v1/" in target else {}
    if body:
        headers["Content-Type"] = "application/json"
    return await stand.client.ask(
        method,
        target.removeprefix(HOST),
        key=None,
        headers=headers,
        data=body[0].encode() if body else None,
    )


def told(line: str, answer: Answer) -> str:
    headers = [
        f"    {name}: {answer.headers[name]}" for name in SHOWN_HEADERS if name in answer.headers
    ]
    body = _TIME.sub(A_TIME, answer.body.decode())
    return "\n".join([line, *headers, f"    {body}"])


async def play(stand: Stand, block: str) -> str:
    """What is said where the requests of a conversation are sent."""
    said: list[str] = []
    before: Answer | None = None
    waits = False
    for line in requests_in(block):
        if line == LATER:
            stand.sim.advance(5)
            said.append(line)
            waits = True
            continue
        answer = await send(stand, line)
        if waits and before is not None:
            answer = await _changed(stand, line, before)
        said.append(told(line, answer))
        before, waits = answer, False
    return "\n".join(said)


async def _changed(stand: Stand, line: str, before: Answer) -> Answer:
    """The answer once it is another one than before."""
    answers: list[Answer] = []

    async def is_another() -> bool:
        answers.append(await send(stand, line))
        return answers[-1].body != before.body

    await until(is_another)
    return answers[-1]


@pytest.mark.parametrize("block", conversations(), ids=lambda block: block.split("?")[0][-40:])
async def test_a_conversation_in_the_document_is_so(block: str) -> None:
    async with as_served() as stand:
        assert await play(stand, block) == _TIME.sub(A_TIME, block)


def test_there_is_one_for_each_face() -> None:
    paths = ("/daisysms/stubs/handler_api.php?", "/stubs/handler_api?", "/api/v1/")
    shown = conversations()

    assert [sum(f"{HOST}{path}" in block for block in shown) for path in paths] == [1, 1, 1]


@dataclass
class Recorder:
    """Stands between a client and the gateway, and writes down what they say."""

    gateway: int
    said: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Listens until the block ends; gives its address."""
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        async with server:
            yield "http://{}:{}".format(*server.sockets[0].getsockname())

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        answers, questions = await asyncio.open_connection("127.0.0.1", self.gateway)
        questions.write(asked.replace(b"keep-alive", b"close"))
        answer = await answers.read()
        questions.close()
        target = asked.split(b" ")[1].decode()
        body = answer.partition(b"\r\n\r\n")[2].decode()
        self.said += [f"GET {HOST}{target}", f"    {body}"]
        writer.write(answer)
        await writer.drain()
        writer.close()


def talk(url: str) -> list[Any]:
    """What a script does with smsactivate 1.5, but for waiting between two looks."""
    sa = import_module("smsactivate.api").SMSActivateAPI("sk_demo")
    sa._SMSActivateAPI__api_url = url
    steps = [sa.getBalance(), sa.getPrices(service="wa", country="187")]
    steps.append(sa.getNumber(service="wa", country=187, maxPrice=1))
    rental_id = steps[-1]["activation_id"]
    steps.append(sa.setStatus(id=rental_id, status=1))
    return [*steps, sa.getStatus(id=rental_id)]


def finish(url: str, rental_id: int) -> list[Any]:
    sa = import_module("smsactivate.api").SMSActivateAPI("sk_demo")
    sa._SMSActivateAPI__api_url = url
    done = [sa.getStatus(id=rental_id), sa.setStatus(id=rental_id, status=6)]
    return [*done, sa.getNumber(service="mo", country=187), sa.getBalance()]


async def conversation(stand: Stand) -> str:
    """What smsactivate 1.5 and the gateway say to each other."""
    recorder = Recorder(int(stand.url.rpartition(":")[2]))
    async with recorder.running() as url:
        bought = await asyncio.to_thread(talk, url + PHP)
        rental_id = bought[2]["activation_id"]
        recorder.said.append(LATER)
        stand.sim.advance(5)
        status = f"GET {PHP}?api_key=sk_demo&action=getStatus&id={rental_id}"

        async def has_come() -> bool:
            return (await send(stand, status)).body.startswith(b"STATUS_OK:")

        await until(has_come)
        await asyncio.to_thread(finish, url + PHP, rental_id)
    return "\n".join(recorder.said)


async def test_the_conversation_of_a_real_client_is_so() -> None:
    async with as_served() as stand:
        said = await conversation(stand)

    assert f"```text\n{said}\n```" in DOCUMENT.read_text(encoding="utf-8"), said


async def _write() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for block in _BLOCK.findall(text):
        async with as_served() as stand:
            real = f"{HOST}{PHP}" in block
            said = await (conversation(stand) if real else play(stand, block))
        text = text.replace(f"```text\n{block}\n```", f"```text\n{said}\n```")
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__" and "--write" in sys.argv:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        asyncio.run(_write())
