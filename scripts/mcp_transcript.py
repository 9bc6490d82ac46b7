"""Writes docs/mcp-transcript.md by running it: `make transcript`."""

import asyncio
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mcp import Client, StdioServerParameters
from mcp_types import ElicitRequestParams, ElicitResult, TextContent

from adapters.simulator import DEMO_KEY, NEVER, Limits, Rules, Simulator, SimulatorConfig

WRITTEN = Path(__file__).resolve().parents[1] / "docs" / "mcp-transcript.md"
_HEAD = """\
# An agent gets a code

A client of the official SDK started `getatext-gateway mcp` before the simulator; this is what was
said, with nothing left out. `make transcript` writes it anew.

"""
_SILENT = """\
## Another agent meets a silent number

The service says that it has sent the SMS, and none comes: the agent takes another number, and the
gateway gives the first one back as soon as the provider allows, here a minute after the rent.
"""
_LOCKED = 60.0


class Transcript:
    """Writes down what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.client: Client

    async def call(self, tool: str, **given: Any) -> Any:
        """Call a tool and write both sides down; answers its structured content."""
        self.lines.append(f"**{tool}** `{json.dumps(given)}`\n")
        result = await self.client.call_tool(tool, given, progress_callback=self._progress)
        (block,) = result.content
        assert isinstance(block, TextContent)  # noqa: S101 - tools here answer in text
        language = "text" if result.is_error else "json"
        self.lines.append(f"```{language}\n{_wrapped(block.text)}\n```\n")
        return result.structured_content

    async def answer(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        """A person who is asked says yes, after the second that it takes to read the question."""
        await asyncio.sleep(1.0)
        self.lines.append(f"> The user is asked: *{params.message}* and says yes.\n")
        return ElicitResult(action="accept", content={"confirm": True})

    async def _progress(self, progress: float, total: float | None, message: str | None) -> None:
        self.lines.append(f"> Progress {progress:g} of {total or 0:g}: {message}\n")

    async def flow(self) -> None:
        """The whole flow."""
        prices = await self.call("list_prices", query="telegram", limit=2)
        await self.call("rent_number", service_code="telegram", max_price="0.20")
        dear = {"service_code": "telegram", "max_price": prices["data"][0]["price"]}
        rental = await self.call("rent_number", **dear)
        await self.call("rent_number", **dear)
        await self.call("wait_for_code", rental_id=rental["id"], wait_seconds=2)
        await self.call("wait_for_code", rental_id=rental["id"])
        await self.call("complete_rental", rental_id=rental["id"])
        await self.call("cancel_rental", rental_id=rental["id"])
        await self.call("get_balance")

    async def silent_flow(self, simulator: Simulator) -> None:
        """A number whose code never comes, replaced by one that gets it."""
        self.lines.append(_SILENT)
        simulator.change(code_after=NEVER)
        first = await self.call("rent_number", service_code="whatsapp", max_price="0.55")
        await self.call("wait_for_code", rental_id=first["id"], wait_seconds=10)
        simulator.change(code_after=3.0)
        second = await self.call("replace_rental", rental_id=first["id"])
        await self.call("wait_for_code", rental_id=second["id"])
        await self.call("complete_rental", rental_id=second["id"])
        await self.call("replace_rental", rental_id=first["id"])
        await self.call("get_rental", rental_id=first["id"])
        await asyncio.sleep(_LOCKED)
        self.lines.append("> A minute later.\n")
        await self.call("get_rental", rental_id=first["id"])
        await self.call("get_balance")


def _wrapped(text: str) -> str:
    return json.dumps(json.loads(text), indent=1) if text.startswith("{") else text


async def main() -> None:
    """Run it and write it down."""
    config = SimulatorConfig(
        limits=Limits(on=False), rules=Rules(code_after=9.0, cancel_locked=_LOCKED)
    )
    said = Transcript()
    with TemporaryDirectory() as folder:
        async with Simulator(config).running() as simulator:
            program = StdioServerParameters(
                command=sys.executable,
                args=["-m", "gateway", "mcp"],
                env={
                    "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                    "GETATEXT_BASE_URL": simulator.url,
                    "GETATEXT_API_KEY": DEMO_KEY,
                    "GATEWAY_DATABASE_URL": f"sqlite:///{folder}/gateway.db",
                },
            )
            async with Client(program, elicitation_callback=said.answer) as said.client:
                await said.flow()
                await said.silent_flow(simulator)
    WRITTEN.write_text(_HEAD + "\n".join(said.lines))


if __name__ == "__main__":
    asyncio.run(main())
