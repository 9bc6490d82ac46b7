"""A change of a key holds on every node at once, for what is open too."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, cast

import pytest
from aiohttp import ClientPayloadError, ClientResponse
from mcp_types import ElicitRequestParams, ElicitResult

from tests.codes.support import Stream, listening_to, rent
from tests.keys.support import Node, nodes
from tests.mcp.support import LEGACY, Person, connected
from tests.mcp.transport.test_http import HEADERS, INITIALIZE, LIST
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("keys_on_nodes")
# A heartbeat, the next look at an idle stream's key, comes after thirty seconds; a wait would last
# as long as it was asked for.
SOON = 15.0
SESSION = "Mcp-Session-Id"


@pytest.fixture
async def both(store_url: str) -> AsyncIterator[tuple[Node, Node]]:
    async with nodes(store_url) as found:
        yield found


class Open:
    """What one key holds open at a node: a stream, a wait and a session with its own stream."""

    def __init__(self, node: Node, secret: str) -> None:
        self.node = node
        self.holder = node.holder(secret)
        self.stream: Stream
        self.wait: asyncio.Task[Any]
        self.listening: ClientResponse
        self.session = ""

    async def begin(self, stack: AsyncExitStack, rental: int) -> None:
        holder = self.holder
        self.stream = await stack.enter_async_context(listening_to(holder))
        path = f"/v1/rentals/{rental}/code"
        self.wait = asyncio.create_task(holder.get(path, wait_seconds="25"))
        opened = await self.mcp(INITIALIZE)
        self.session = opened.headers[SESSION]
        assert (await self.mcp(LIST)).status == 200
        headers = {**HEADERS, "X-API-Key": holder.key or "", SESSION: self.session}
        self.listening = await stack.enter_async_context(
            holder.session.get(f"{self.node.url}/mcp", headers=headers)
        )
        assert self.listening.status == 200

    async def mcp(self, body: Any) -> ClientResponse:
        headers = {**HEADERS, "X-API-Key": self.holder.key or ""}
        if self.session:
            headers[SESSION] = self.session
        post = self.holder.session.post(
            f"{self.node.url}/mcp", data=json.dumps(body), headers=headers
        )
        async with post as response:
            await response.read()
            return response

    async def ended(self) -> None:
        """Returns once all of it has ended, and how."""
        assert await self.stream.ended()
        assert (await self.wait).status == 401
        with suppress(ClientPayloadError):  # broken off: its end is none that the client made
            while await self.listening.content.read(4096):
                pass
        assert (await self.mcp(LIST)).status == 401


@pytest.mark.parametrize("way", ["revoked", "rotated"])
async def test_all_that_a_key_holds_ends_with_it_on_both_nodes(
    both: tuple[Node, Node], way: str
) -> None:
    first, second = both
    made = await first.make()
    rental = await rent(first.holder(made["secret"]))
    async with AsyncExitStack() as stack:
        held = [Open(node, made["secret"]) for node in both]
        for each in held:
            await each.begin(stack, rental)
        await until(lambda: all(not each.wait.done() for each in held))
        if way == "revoked":
            await second.admin.ask("DELETE", f"/v1/keys/{made['id']}")
        else:
            path = f"/v1/keys/{made['id']}/rotate"
            assert (await second.admin.post(path, {"overlap_hours": 0})).status == 200
        async with asyncio.timeout(SOON):
            await asyncio.gather(*(each.ended() for each in held))


async def test_a_stream_goes_on_with_what_the_key_may_see_now(both: tuple[Node, Node]) -> None:
    first, second = both
    made = await first.make(admin=True)
    holder = first.holder(made["secret"])
    async with listening_to(holder) as stream:
        theirs = await rent(second.admin)
        seen = await stream.event()
        assert (seen.kind, seen.data["id"]) == ("rental.created", theirs)
        await second.admin.post(f"/v1/keys/{made['id']}", {"admin": "no"})
        async with asyncio.timeout(SOON):
            assert await stream.ended()
    async with listening_to(holder, Last_Event_ID=seen.id) as stream:
        await rent(second.admin)
        mine = await rent(holder)
        assert (await stream.event()).data["id"] == mine


async def test_a_limit_holds_on_the_other_node(both: tuple[Node, Node]) -> None:
    first, second = both
    made = await first.make()
    holder = second.holder(made["secret"])
    await rent(holder)
    await first.admin.post(f"/v1/keys/{made['id']}", {"max_price": "0.10"})

    async def refused() -> bool:
        answer = await holder.post("/v1/rentals", {"service_code": "whatsapp"})
        return (answer.status, answer.json.get("code")) == (409, "price_too_high")

    async with asyncio.timeout(SOON):
        await until(refused)


async def test_a_session_lives_through_a_rotation(both: tuple[Node, Node]) -> None:
    """Clients that lose a session do not recover: it is the key's, not that of one secret."""
    first, _ = both
    made = await first.make()
    async with AsyncExitStack() as stack:
        held = Open(first, made["secret"])
        await held.begin(stack, await rent(held.holder))
        path = f"/v1/keys/{made['id']}/rotate"
        rotated = (await first.admin.post(path, {"overlap_hours": 0})).json
        async with asyncio.timeout(SOON):
            assert await held.stream.ended()
        held.holder = first.holder(rotated["secret"])
        assert (await held.mcp(LIST)).status == 200


@dataclass
class Slow:
    """A person who is asked about a purchase, and agrees once the key has been changed."""

    change: Callable[[], Awaitable[object]]

    async def answer(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        await self.change()
        await asyncio.sleep(2)  # who answers sooner is taken for a program
        return ElicitResult(action="accept", content={"confirm": True})


@pytest.mark.parametrize(
    "change", [{"suspended": "yes"}, {"read_only": "yes"}, {"budget_day": "0.01"}], ids=str
)
async def test_what_a_person_agrees_to_is_bought_within_the_limits_of_then(
    both: tuple[Node, Node], change: dict[str, str]
) -> None:
    first, second = both
    made = await first.make(confirm_above="0.01")
    person = Slow(lambda: second.admin.post(f"/v1/keys/{made['id']}", change))
    async with connected(
        f"{first.url}/mcp", LEGACY, person=cast("Person", person), key=made["secret"]
    ) as client:
        result = await client.call_tool("rent_number", {"service_code": "whatsapp"})

    assert result.is_error
    rentals = await first.holder(made["secret"]).get("/v1/rentals")
    assert rentals.json["data"] == []
