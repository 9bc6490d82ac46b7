"""A load balancer before two nodes: asks who is ready, and tries the other where one refuses."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, DummyCookieJar

from tests.chaos.faces import LOST, Reply
from tests.chaos.nodes import Node

_EVERY = 0.2  # seconds between two questions whether a node is ready
_PATIENCE = ClientTimeout(total=60)


class Balancer:
    """Connections to nodes are kept. Nothing that was sent to one is sent again."""

    def __init__(self, nodes: Sequence[Node], session: ClientSession) -> None:
        """`session` must not repeat a request by itself."""
        self._nodes = nodes
        self._session = session
        self._ready: list[Node] = []

    async def watch(self) -> None:
        """Ask for ever who is ready."""
        while True:
            self._ready = [node for node in self._nodes if await self.is_ready(node)]
            await asyncio.sleep(_EVERY)

    async def is_ready(self, node: Node) -> bool:
        return await node.says(self._session, "/readyz")

    async def ask(self, method: str, path: str, key: str, **more: Any) -> Reply:
        """The answer of a node that is ready; of status 0 where there is none."""
        others = [node for node in self._nodes if node not in self._ready]
        for node in random.sample(self._ready, len(self._ready)) + others:
            try:
                async with self._session.request(
                    method,
                    node.url + path,
                    timeout=_PATIENCE,
                    **{"headers": {"X-API-Key": key}, **more},
                ) as answer:
                    return Reply(answer.status, await answer.read())
            except ClientConnectorError:
                continue  # nothing was sent
            except (ClientError, TimeoutError, OSError):
                return LOST
        return LOST


@asynccontextmanager
async def balanced(nodes: Sequence[Node]) -> AsyncIterator[Balancer]:
    """A balancer that watches the nodes until the end of the block."""
    async with ClientSession(cookie_jar=DummyCookieJar()) as session:
        session._retry_connection = False  # it would send a GET once more on a new connection
        balancer = Balancer(nodes, session)
        watching = asyncio.create_task(balancer.watch())
        try:
            yield balancer
        finally:
            watching.cancel()
