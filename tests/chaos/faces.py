"""The four faces as their clients speak them: buy, look for the code, cancel."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.chaos.history import Told

PROTOCOL = "2026-07-28"
PHP = "/stubs/handler_api.php"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; status 0: nothing did."""

    status: int
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def json(self) -> dict[str, Any]:
        """The object in the body, {} where there is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


LOST = Reply(0)
Decision = tuple[Told, int | None]


@dataclass(frozen=True, slots=True)
class Line:
    """A caller's line to one node: its key, and how many seconds it stays on."""

    session: ClientSession
    url: str
    key: str
    patience: float = 20.0

    async def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Reply:
        """One request on a connection of its own."""
        sent = {"X-API-Key": self.key, **(headers or {})}
        limit = ClientTimeout(total=self.patience)
        try:
            async with self.session.request(
                method, self.url + path, headers=sent, timeout=limit, **more
            ) as answer:
                return Reply(answer.status, await answer.read())
        except (ClientError, TimeoutError, OSError):
            return LOST


class Face(Protocol):
    """How a kind of client speaks. `named`: its purchases carry request ids."""

    name: str
    named: bool

    async def buy(self, line: Line, service: str) -> Decision: ...
    async def code(self, line: Line, rental: int) -> tuple[bool, str | None]:
        """Whether the rental was shown, and its code."""

    async def cancel(self, line: Line, rental: int) -> bool:
        """Whether it is cancelled, or will be where the face keeps wishes to."""


@runtime_checkable
class NamedFace(Face, Protocol):
    """One whose clients name their purchases, and may replace a silent number."""

    async def replace(self, line: Line, service: str, rental: int) -> Decision: ...


class Rest:
    name, named = "/v1", True

    async def buy(self, line: Line, service: str) -> Decision:
        reply = await line.ask(
            "POST",
            "/v1/rentals",
            headers={"Idempotency-Key": f"wish-{service}"},
            json={"service_code": service, "max_price": "1.00"},
        )
        return self._decision(reply)

    async def replace(self, line: Line, service: str, rental: int) -> Decision:
        named = {"Idempotency-Key": f"replace-{service}"}
        reply = await line.ask("POST", f"/v1/rentals/{rental}/replace", headers=named, json={})
        return self._decision(reply)

    def _decision(self, reply: Reply) -> Decision:
        if reply.status == 201:
            return Told.BOUGHT, reply.json["id"]
        return _problem(reply, reply.json), None

    async def code(self, line: Line, rental: int) -> tuple[bool, str | None]:
        reply = await line.ask("GET", f"/v1/rentals/{rental}/code", params={"wait_seconds": "2"})
        return reply.status == 200, reply.json.get("code") if reply.status == 200 else None

    async def cancel(self, line: Line, rental: int) -> bool:
        return (await line.ask("POST", f"/v1/rentals/{rental}/cancel")).status == 200


class Mcp:
    name, named = "/mcp", True

    async def buy(self, line: Line, service: str) -> Decision:
        given = {"service_code": service, "max_price": "1.00", "request_id": f"wish-{service}"}
        return self._decision(*await self._call(line, "rent_number", given))

    async def replace(self, line: Line, service: str, rental: int) -> Decision:
        given = {"rental_id": rental, "request_id": f"replace-{service}"}
        return self._decision(*await self._call(line, "replace_rental", given))

    def _decision(self, reply: Reply, result: dict[str, Any]) -> Decision:
        if "structuredContent" in result:
            return Told.BOUGHT, result["structuredContent"]["id"]
        facts = result.get("_meta", {}).get("getatext-gateway/error", reply.json)
        return _problem(reply, facts), None

    async def code(self, line: Line, rental: int) -> tuple[bool, str | None]:
        _, result = await self._call(line, "get_rental", {"rental_id": rental})
        seen = result.get("structuredContent")
        return seen is not None, seen.get("code") if seen else None

    async def cancel(self, line: Line, rental: int) -> bool:
        _, result = await self._call(line, "cancel_rental", {"rental_id": rental})
        return "structuredContent" in result

    async def _call(self, line: Line, tool: str, given: Any) -> tuple[Reply, dict[str, Any]]:
        """The reply, and the result of the tool in it."""
        client = {"name": "chaos", "version": "1"}
        about = {"protocolVersion": PROTOCOL, "clientInfo": client, "clientCapabilities": {}}
        meta = {f"io.modelcontextprotocol/{name}": value for name, value in about.items()}
        params = {"name": tool, "arguments": given, "_meta": meta}
        reply = await line.ask(
            "POST",
            "/mcp",
            headers={
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": PROTOCOL,
                "Mcp-Method": "tools/call",
                "Mcp-Name": tool,
            },
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        )
        result = reply.json.get("result")
        return reply, result if isinstance(result, dict) else {}


class Api:
    """Getatext's own REST API, whose clients send no request ids."""

    name, named = "/api/v1", False

    async def buy(self, line: Line, service: str) -> Decision:
        reply = await line.ask("POST", "/api/v1/rent-a-number", json={"service": service})
        if reply.status == 201:
            return Told.BOUGHT, reply.json["id"]
        if reply.status == 409:
            return Told.UNKNOWN, None
        return _undecided(reply) or Told.REFUSED, None

    async def code(self, line: Line, rental: int) -> tuple[bool, str | None]:
        reply = await line.ask("POST", "/api/v1/rental-status", json={"id": rental})
        return reply.status == 200, reply.json.get("code") if reply.status == 200 else None

    async def cancel(self, line: Line, rental: int) -> bool:
        return (await line.ask("POST", "/api/v1/cancel-rental", json={"id": rental})).status == 200


class Php:
    """The old protocol, whose tools say ERROR_SQL for "try again"."""

    name, named = ".php", False

    async def buy(self, line: Line, service: str) -> Decision:
        reply = await self._act(line, "getNumber", service=service)
        word, _, rest = reply.text.partition(":")
        if word == "ACCESS_NUMBER":
            return Told.BOUGHT, int(rest.partition(":")[0])
        if word == "ERROR_SQL":
            return Told.AGAIN, None
        return _undecided(reply) or Told.REFUSED, None

    async def code(self, line: Line, rental: int) -> tuple[bool, str | None]:
        word, _, code = (await self._act(line, "getStatus", id=str(rental))).text.partition(":")
        # A tool is told to wait also where the rental cannot be read, so that says nothing.
        return word == "STATUS_OK", code or None

    async def cancel(self, line: Line, rental: int) -> bool:
        reply = await self._act(line, "setStatus", id=str(rental), status="8")
        return reply.text == "ACCESS_CANCEL"

    async def _act(self, line: Line, action: str, **params: str) -> Reply:
        return await line.ask("GET", PHP, params={"action": action, **params})


FACES: tuple[Face, ...] = (Rest(), Mcp(), Api(), Php())
# Of a node that has just started; /mcp takes a second to load each time.
SOON_THERE = tuple(face for face in FACES if face.name != "/mcp")


def _problem(reply: Reply, facts: Mapping[str, Any]) -> Told:
    """How a problem, or an error of a tool, is to be taken."""
    if not reply.status or not facts:
        return _undecided(reply) or Told.REFUSED
    if facts.get("charged") == "unknown":
        return Told.UNKNOWN
    again = facts.get("retryable") or facts.get("code") == "request_in_progress"
    return Told.AGAIN if again else Told.REFUSED


def _undecided(reply: Reply) -> Told | None:
    """Whether nothing was decided yet."""
    if not reply.status:
        return Told.LOST
    return Told.AGAIN if reply.status == 429 or reply.status >= 500 else None
