"""Agents of others before the gateway and a scripted model, each in a home of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.simulator import DEMO_KEY, Rules
from mcp_server.options import McpOptions
from tests.agents.dialects import speaking
from tests.agents.model import Call, Model, Script, code_of, rental_of
from tests.mcp.support import QUICK, SimulatedStand, bought, run_mcp
from tests.support.documents import ROOT, filled

PYTHON = ROOT / os.environ.get("AGENTS", ".venv-agents") / "bin" / "python"
NPM = Path(__file__).parent / "npm" / "node_modules"
# Longer than a client waits for a tool that has no patience of its own.
LATE = replace(QUICK, rules=Rules(code_after=6.0, cancel_locked=0.0))
SECONDS = 240
ASKED = "Get a code for WhatsApp, for 1 USD at most."
WANTED = {"service_code": "whatsapp", "max_price": 1}


def job(read: Sequence[str]) -> Call | str:
    """The whole job, with a price too low and a purchase made twice on its way."""
    match len(read):
        case 0:
            return Call("list_prices", {"query": "whatsapp", "max_price": 5})
        case 1:
            return Call("rent_number", WANTED | {"max_price": 0.01})
        case 2 | 3:
            return Call("rent_number", WANTED)
        case 4:
            return Call("wait_for_code", {"rental_id": rental_of(read[2]), "wait_seconds": 45})
        case 5:
            return Call("complete_rental", {"rental_id": rental_of(read[2])})
        case _:
            return f"The code is {code_of(read[4])}."


@dataclass(frozen=True, slots=True)
class AgentStand:
    """A gateway before the simulator, a model, and a folder that an agent takes for its home."""

    gateway: SimulatedStand
    model: Model
    model_url: str
    home: Path

    @property
    def env(self) -> dict[str, str]:
        """What an agent runs with: each model is the scripted one, the world is out of reach."""
        return {
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "OPENAI_BASE_URL": f"{self.model_url}/v1",
            "OPENAI_API_KEY": "none",
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
            "ANTHROPIC_BASE_URL": self.model_url,
            "ANTHROPIC_API_KEY": "none",
            "MCP_CONNECT_TIMEOUT_MS": "60000",  # five seconds are few for a busy machine
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "GOOGLE_GEMINI_BASE_URL": self.model_url,
            "GEMINI_API_KEY": "none",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1",
        } | self.command_env

    @property
    def command_env(self) -> dict[str, str]:
        """What `getatext-gateway mcp` needs besides a key, to do as the gateway does."""
        return {
            "PYTHONPATH": str(ROOT),
            "GETATEXT_BASE_URL": self.gateway.sim.url,
            "GATEWAY_DATABASE_URL": f"sqlite:///{self.home}/gateway.db",
        }

    def filled(self, snippet: str) -> str:
        """A snippet for this gateway."""
        return filled(snippet, url=self.gateway.url, key=DEMO_KEY)

    async def run(self, *command: str | Path, **env: str) -> str:
        """What a program prints; it must end well."""
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            cwd=self.home,
            env=self.env | env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(SECONDS):
                printed, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, (printed + errors).decode()
        return printed.decode()

    def has_done_the_job(self, said: str) -> None:
        """The code was read and told, both refusals were read, and one number was paid for."""
        (rental,) = self.gateway.sim.books.rentals.values()
        _, above, _, twice, *_ = self.model.read

        assert f"The code is {rental.code}." in said
        assert not rental.active
        assert "price_too_high: whatsapp costs 0.55 USD now, above max_price 0.01." in above
        assert "duplicate_purchase: " in twice
        assert str(rental.id) in twice
        assert bought(self.gateway) == 1


@asynccontextmanager
async def standing(
    home: Path, script: Script = job, options: McpOptions | None = None
) -> AsyncIterator[AgentStand]:
    """Everything an agent needs."""
    model = Model(script)
    async with (
        run_mcp(LATE, options or McpOptions()) as gateway,
        speaking(model) as model_url,
    ):
        yield AgentStand(gateway, model, model_url, home)
