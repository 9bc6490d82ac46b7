"""docs/simulator.md: its calls, made in its order, get the answers that it shows."""

import json
import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from adapters.simulator import AccountConfig, FaultKind, Simulator, SimulatorConfig
from adapters.simulator.control.endpoint import Control
from tests.adapters.simulator.support import Clock

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "simulator.md").read_text()
ADDRESS = "http://127.0.0.1:8090"


def calls() -> list[tuple[list[str], Any]]:
    """The words of each call, and the answer below it, where there is one."""
    found = []
    for block, answer in re.findall(
        r"```sh\n(curl .*?)```(?:\n```json\n(.*?)```)?", DOCUMENT, re.S
    ):
        *before, last = block.splitlines()
        found += [(shlex.split(line), None) for line in before]
        found.append((shlex.split(last), json.loads(answer) if answer else None))
    return found


def parted(words: list[str]) -> tuple[str, str, str | None, dict[str, str]]:
    """Method, address, body and headers of a call of curl."""
    given = {words[at]: words[at + 1] for at, word in enumerate(words) if word.startswith("-")}
    method = given.get("-X") or ("POST" if "-d" in given else "GET")
    headers = dict(given[name].split(": ") for name in ("-H",) if name in given)
    return method, words[-1].removeprefix(ADDRESS), given.get("-d"), headers


def shape(value: object) -> object:
    """Its members and the kinds of what they hold."""
    if isinstance(value, dict):
        return {name: shape(held) for name, held in value.items()}
    if isinstance(value, list):
        return [shape(held) for held in value]
    return "number" if isinstance(value, float | int) else type(value).__name__


async def test_the_calls_in_the_document_get_its_answers(
    clock: Clock, session: ClientSession
) -> None:
    config = SimulatorConfig(clock=clock, first_rental_id=12345, first_long_rental_id=678)
    async with Simulator(config).running() as sim:
        for words, shown in calls():
            method, path, body, headers = parted(words)
            async with session.request(method, sim.url + path, data=body, headers=headers) as reply:
                answer = await reply.json()

            assert reply.status in (200, 201), (words, answer)
            assert shown is None or shape(answer) == shape(shown), words


def test_the_document_has_every_call_fault_and_property_of_an_account(sim: Simulator) -> None:
    asked = {parted(words)[:2] for words, _ in calls()}
    routes = Control(sim.provider, sim.webhooks, sim.reset).routes()

    assert {(each.method, each.path) for each in routes} <= asked
    assert all(f"`{kind}`" in DOCUMENT for kind in FaultKind)
    assert all(each.name in DOCUMENT for each in fields(AccountConfig))
