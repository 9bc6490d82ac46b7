"""docs/migrate.md shows a conversation that a real client has with the gateway: it is so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.faces.support import PHP, tool_of
from tests.support.gateway import Stand
from tests.support.waiting import until

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "migrate.md"
HOST = "127.0.0.1:8080"


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
        self.said += [f"GET http://{HOST}{target}", f"    {body}"]
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
    return [*done, sa.getNumber(service="tg", country=187), sa.getBalance()]


async def conversation(stand: Stand) -> str:
    recorder = Recorder(int(stand.url.rpartition(":")[2]))
    async with recorder.running() as url:
        bought = await asyncio.to_thread(talk, url + PHP)
        rental_id = bought[2]["activation_id"]
        stand.sim.receive_code(rental_id, "048213")
        tool = tool_of(stand)

        async def told() -> bool:
            return await tool.text("getStatus", id=rental_id) == "STATUS_OK:048213"

        await until(told)
        await asyncio.to_thread(finish, url + PHP, rental_id)
    return "\n".join(recorder.said)


async def test_the_conversation_in_the_document_is_what_a_real_client_has(stand: Stand) -> None:
    said = await conversation(stand)

    assert f"```text\n{said}\n```" in DOCUMENT.read_text(encoding="utf-8"), said
