"""Existing tools, as they talk: everything in the query, bytes read raw."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from adapters.simulator import DEMO_KEY, NEVER, Limits, Rules, Service, Simulator, SimulatorConfig
from adapters.simulator.provider.catalogue import WHATSAPP
from tests.support.contract import Answer
from tests.support.gateway import Client, Stand
from tests.support.waiting import until

PHP = "/stubs/handler_api.php"
DAISY = "/daisysms/stubs/handler_api.php"
STUB = "/stubs/handler_api"
TEXT = "text/plain"
JSON = "application/json"
NOBODY = "sk_nobody"

# Codes come only when a test sends them; nothing is too early to be cancelled.
QUIET = SimulatorConfig(
    limits=Limits(on=False),
    rules=Rules(code_after=NEVER, cancel_locked=0.0),
    catalogue_size=0,
    services=(
        WHATSAPP,
        Service("Telegram", "telegram", WHATSAPP.price, 10, stock=0),
        Service("Gmail", "gmail", WHATSAPP.price * 2, 10, stock=7),
        Service("Acorn Bank", "acorn_bank", WHATSAPP.price, 10),
    ),
)

# Everything the protocol may say as a bare word (with what may follow it).
TOKENS = (
    "ACCESS_BALANCE:", "ACCESS_NUMBER:", "ACCESS_READY", "ACCESS_RETRY_GET", "ACCESS_ACTIVATION",
    "ACCESS_CANCEL", "STATUS_WAIT_CODE", "STATUS_WAIT_RETRY:", "STATUS_OK:", "STATUS_CANCEL",
    "FULL_SMS:", "NO_KEY", "BAD_KEY", "BAD_ACTION", "NO_NUMBERS", "NO_BALANCE", "BAD_SERVICE",
    "WRONG_MAX_PRICE:", "BANNED", "CHANNELS_LIMIT", "ERROR_SQL", "ORDER_ALREADY_EXISTS",
    "NO_ACTIVATION", "EARLY_CANCEL_DENIED", "WRONG_ACTIVATION_ID", "BAD_STATUS",
    "MAX_PRICE_EXCEEDED", "NO_MONEY", "TOO_MANY_ACTIVE_RENTALS",
)  # fmt: skip


@dataclass
class Tool:
    """A tool of SMS-Activate's protocol; `key` None sends none."""

    client: Client
    sim: Simulator
    key: str | None = DEMO_KEY
    path: str = PHP
    asked: list[Answer] = field(default_factory=list)

    async def send(self, **params: object) -> Answer:
        """One GET; everything in the query."""
        pairs = {} if self.key is None else {"api_key": self.key}
        query = urlencode({**pairs, **{name: str(value) for name, value in params.items()}})
        return await self.raw("GET", f"{self.path}?{query}")

    async def token(self, action: str, **params: object) -> tuple[int, str]:
        """The HTTP status and the text of an answer, whatever the status."""
        answer = await self.send(action=action, **params)
        assert answer.content_type == TEXT, answer
        return answer.status, answer.body.decode()

    async def raw(self, method: str, target: str, **more: Any) -> Answer:
        """One request with a target that is sent as it is."""
        answer = await self.client.ask(method, target, key=None, **more)
        self.asked.append(answer)
        return answer

    async def text(self, action: str, **params: object) -> str:
        """The text of an answer that must be one."""
        answer = await self.send(action=action, **params)
        assert (answer.status, answer.content_type) == (200, TEXT), answer
        return answer.body.decode()

    async def json(self, action: str, **params: object) -> Any:
        """The JSON of an answer that must be it."""
        answer = await self.send(action=action, **params)
        assert (answer.status, answer.content_type) == (200, JSON), answer
        assert not answer.body.endswith(b"\n")
        return json.loads(answer.body)

    async def code(self, rental_id: int, code: str) -> None:
        """A code comes, and the tool's status tells of it."""
        self.sim.receive_code(rental_id, code)

        async def told() -> bool:
            return await self.text("getStatus", id=rental_id) == f"STATUS_OK:{code}"

        await until(told)

    async def buy(self, service: str = "wa", **params: object) -> tuple[int, str]:
        """The id and the number that were bought."""
        token, rental_id, number = (await self.text("getNumber", service=service, **params)).split(
            ":"
        )
        assert token == "ACCESS_NUMBER"
        return int(rental_id), number

    @property
    def bought(self) -> int:
        """How many rents the provider was asked for."""
        return self.sim.journal.calls["rent-a-number"]


def tool_of(stand: Stand, key: str | None = DEMO_KEY, path: str = PHP) -> Tool:
    return Tool(stand.client, stand.sim, key, path)
