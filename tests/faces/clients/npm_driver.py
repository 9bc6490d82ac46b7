"""Clients from npm, each in a Node of its own that does what it is told, line by line."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "npm"
SECONDS = 30


class Refused(Exception):
    """The client met a refusal; its text holds the protocol's token."""


def is_installed(package: str) -> bool:
    """Whether `make test-npm` has put it there, and there is a Node to run it."""
    return shutil.which("node") is not None and (HERE / "node_modules" / package).is_dir()


class Npm:
    """Speaks with drive.js."""

    def __init__(self, package: str, url: str, key: str) -> None:
        self._arguments = ("node", str(HERE / "drive.js"), package, url, key)
        self._node: asyncio.subprocess.Process | None = None

    async def balance(self) -> float:
        return float(await self._do("balance"))

    async def price(self) -> float:
        return float(await self._do("price"))

    async def buy(self, service: str) -> tuple[str, str]:
        rental_id, number = await self._do("buy", service)
        return rental_id, number

    async def code(self, rental_id: str) -> str | None:
        code: str | None = await self._do("code", rental_id)
        return code

    async def done(self, rental_id: str) -> str:
        return str(await self._do("done", rental_id))

    async def cancel(self, rental_id: str) -> str:
        return str(await self._do("cancel", rental_id))

    async def close(self) -> None:
        if self._node is not None and self._node.stdin is not None:
            self._node.stdin.close()
            await asyncio.wait_for(self._node.wait(), SECONDS)

    async def _do(self, what: str, *given: str) -> Any:
        if self._node is None:
            self._node = await asyncio.create_subprocess_exec(
                *self._arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
        node = self._node
        assert node.stdin is not None
        assert node.stdout is not None
        node.stdin.write(json.dumps({"do": what, "with": given}).encode() + b"\n")
        line = await asyncio.wait_for(node.stdout.readline(), SECONDS)
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["value"]
