"""A key is rotated while it is used: nobody who learns the new secret in time is refused."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from tests.keys.support import Node, nodes
from tests.support.waiting import until

CLIENTS = 40
CALLS = 10_000
ROTATIONS = 5
LEARNS_EVERY = 9
"""In calls. Odd, so that a secret is used first at this node or at that one."""
ASKED = "/v1/prices?limit=1"  # wants a key, and is answered from memory


@pytest.fixture
async def both(store_url: str) -> AsyncIterator[tuple[Node, Node]]:
    async with nodes(store_url) as found:
        yield found


class Clients:
    """Of one key: they call both nodes by turns, and learn its new secrets one by one."""

    def __init__(self, both: tuple[Node, Node], key_id: str, secret: str) -> None:
        self.both = both
        self.key_id = key_id
        self.secret = secret
        self.held = [secret] * CLIENTS
        self.begun = 0
        self.answers = Counter[tuple[int, bool]]()  # by status, and whether of the newest secret

    async def call(self, number: int) -> None:
        holders = [replace(node.admin, checked=False) for node in self.both]
        for turn in range(CALLS // CLIENTS):
            if (turn + number) % LEARNS_EVERY == 0:
                self.held[number] = self.secret
            self.begun += 1
            newest = self.held[number] == self.secret
            answer = await holders[(turn + number) % 2].ask("GET", ASKED, key=self.held[number])
            self.answers[answer.status, newest] += 1

    async def rotate(self) -> None:
        """Once in each part of the calls, while all of the clients hold the newest secret."""
        for turn in range(ROTATIONS):
            part = CALLS * (turn + 1) // (ROTATIONS + 1)
            await until(partial(self._have_learned, part))
            node = self.both[turn % 2]
            path = f"/v1/keys/{self.key_id}/rotate"
            rotated = await node.admin.post(path, {"overlap_hours": 1})
            self.secret = rotated.json["secret"]

    def _have_learned(self, begun: int) -> bool:
        return self.begun >= begun and set(self.held) == {self.secret}


async def test_nobody_is_refused_while_a_key_is_rotated(both: tuple[Node, Node]) -> None:
    made = await both[0].make()
    clients = Clients(both, made["id"], made["secret"])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(clients.rotate())
        for number in range(CLIENTS):
            tasks.create_task(clients.call(number))

    assert {status for status, _ in clients.answers} == {200}, clients.answers
    assert clients.answers.total() == CALLS
    assert clients.answers[200, False] >= ROTATIONS * CLIENTS  # with the secret before
