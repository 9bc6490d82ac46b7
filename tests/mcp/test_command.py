"""`getatext-gateway mcp` as a client starts it: its key, its limits, and what it shows."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

from adapters.simulator import DEMO_KEY, Simulator
from gateway.core.model.callers import Limits
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import TOOLS
from gateway.wiring import Gateway, open_gateway
from tests.mcp.support import QUICK, done, refused
from tests.support.gateway import listening, settings
from tests.support.keys import make_key

ROOT = Path(__file__).absolute().parents[2]
READING = [op.name for op in TOOLS if op.effect is Effect.READ]
RENT = {"service_code": "whatsapp", "max_price": 1}


@dataclass(frozen=True, slots=True)
class Home:
    """A gateway's folder before a simulator, and the gateway that keeps its ledger there."""

    gateway: Gateway
    url: str
    env: dict[str, str]

    @asynccontextmanager
    async def client(self, *words: str, **env: str) -> AsyncIterator[Client]:
        """The SDK's client before the command."""
        program = StdioServerParameters(
            command=sys.executable,
            args=["-m", "gateway", "mcp", *words],
            cwd=ROOT,
            env=self.env | env,
        )
        async with Client(program) as client:
            yield client


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with Simulator(QUICK).running() as simulator:
        database = f"sqlite:///{tmp_path}/gateway.db"
        chosen = settings(simulator.url, gateway_database_url=database, getatext_api_key=DEMO_KEY)
        env = {"GETATEXT_BASE_URL": simulator.url, "GATEWAY_DATABASE_URL": database}
        async with open_gateway(chosen) as gateway, listening(gateway.app()) as url:
            yield Home(gateway, url, env)


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


async def test_read_only_leaves_out_all_that_changes(home: Home) -> None:
    async with home.client("--read-only", GETATEXT_API_KEY=DEMO_KEY) as client:
        seen = await names(client)
        with pytest.raises(MCPError, match="Unknown tool: rent_number"):
            await client.call_tool("rent_number", RENT)

    assert seen == READING


async def test_toolsets_choose_by_subject(home: Home) -> None:
    async with home.client("--toolsets", "account", GETATEXT_API_KEY=DEMO_KEY) as client:
        assert await names(client) == [op.name for op in TOOLS if op.toolset == "account"]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["embedded", "--gateway"])
async def test_the_limits_of_a_gateway_key_hold(home: Home, elsewhere: bool) -> None:
    key = await make_key(home.gateway, "agent", Limits(max_price=Decimal("0.10")))
    words = ("--gateway", home.url) if elsewhere else ()
    env = {} if elsewhere else {"GETATEXT_API_KEY": DEMO_KEY}
    async with home.client(*words, GATEWAY_KEY=key, **env) as client:
        balance = await done(client, "get_balance")
        sentence = await refused(client, "rent_number", RENT)

    assert balance["spent_total"] == "0.00"
    assert sentence.startswith("price_too_high: ")
    assert "Nothing was charged." in sentence


@pytest.mark.parametrize("elsewhere", [False, True], ids=["embedded", "--gateway"])
async def test_what_is_no_tool_is_none_there_either(home: Home, elsewhere: bool) -> None:
    words = ("--gateway", home.url) if elsewhere else ()
    async with home.client(*words, GETATEXT_API_KEY=DEMO_KEY) as client:
        assert "list_events" not in await names(client)
        with pytest.raises(MCPError, match="Unknown tool: list_events"):
            await client.call_tool("list_events", {})


@pytest.mark.parametrize("elsewhere", [False, True], ids=["embedded", "GATEWAY_URL"])
async def test_a_reading_key_sees_only_tools_that_read(home: Home, elsewhere: bool) -> None:
    key = await make_key(home.gateway, "reader", Limits(read_only=True))
    env = {"GATEWAY_URL": home.url} if elsewhere else {"GETATEXT_API_KEY": DEMO_KEY}
    async with home.client(GATEWAY_KEY=key, **env) as client:
        assert await names(client) == READING
        assert (await done(client, "get_balance"))["balance"]


async def test_a_running_gateway_does_the_work(home: Home) -> None:
    async with home.client("--gateway", home.url, GETATEXT_API_KEY=DEMO_KEY) as client:
        seen = await names(client)
        rental = await done(client, "rent_number", RENT)
        code = await done(client, "wait_for_code", {"rental_id": rental["id"]})

    assert seen == [op.name for op in TOOLS]
    assert code["status"] == "received"


@pytest.mark.parametrize(
    ("env", "words", "says"),
    [
        ({}, (), "or GATEWAY_KEY."),
        ({"GATEWAY_KEY": "gtw_unknown"}, (), "The key is not accepted."),
        ({"GETATEXT_API_KEY": DEMO_KEY}, ("--toolsets", "none"), "rentals, long_rentals, account"),
        ({"GETATEXT_API_KEY": DEMO_KEY}, ("--toolsets", "events"), "must be some of rentals,"),
    ],
)
async def test_what_cannot_work_is_said_on_standard_error(
    home: Home, env: dict[str, str], words: tuple[str, ...], says: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", "mcp", *words),
        cwd=ROOT,
        env=home.env | env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, errors = await process.communicate()

    assert process.returncode == 2
    assert printed == b""
    assert says in errors.decode()


async def test_the_handshake_does_not_wait_for_a_database(home: Home, tmp_path: Path) -> None:
    (tmp_path / "away").touch()
    env = {"GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/away/gateway.db"}
    async with home.client(GETATEXT_API_KEY=DEMO_KEY, **env) as client:
        seen = await names(client)
        sentence = await refused(client, "get_balance")
        (tmp_path / "away").unlink()
        balance = await done(client, "get_balance")

    assert seen == [op.name for op in TOOLS]
    assert sentence.startswith("ledger_unavailable: ")
    assert ". No money moved." in sentence
    assert balance["balance"]


async def test_a_key_that_is_not_accepted_is_told_to_the_model_too(home: Home) -> None:
    async with home.client(GATEWAY_KEY="gtw_unknown", GETATEXT_API_KEY=DEMO_KEY) as client:
        with pytest.raises(MCPError, match="The key is not accepted"):
            await names(client)
        with pytest.raises(MCPError, match="The key is not accepted"):
            await client.read_resource("prices://catalog")
        sentence = await refused(client, "get_balance")

    assert "The user must correct the key in the settings of this MCP server." in sentence


async def test_a_simulated_provider_needs_no_key() -> None:
    program = StdioServerParameters(
        command=sys.executable, args=["-m", "gateway", "mcp", "--simulate"], cwd=ROOT, env={}
    )
    async with Client(program) as client:
        (price,) = (await done(client, "list_prices", {"service_code": "whatsapp"}))["data"]
        rental = await done(client, "rent_number", RENT)
        code = await done(client, "wait_for_code", {"rental_id": rental["id"]})
        instructions = client.instructions or ""

    assert rental["price"] == price["price"]
    assert code["status"] == "received"
    assert "simulated" in instructions


async def test_a_real_key_is_not_sent_to_a_simulated_provider(home: Home) -> None:
    real = {"GETATEXT_API_KEY": "sk_real", "GATEWAY_KEY": "gtw_real"}
    async with home.client("--simulate", **real) as client:
        balance = await done(client, "get_balance")

    assert balance["balance"] == "100.00"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--simulate",), "no real money"),
        (("--simulate", "--gateway", "http://127.0.0.1:1"), "does not go with"),
    ],
)
async def test_a_simulation_is_said_to_be_one(words: tuple[str, ...], says: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gateway", "mcp", *words),
        cwd=ROOT,
        env={},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, errors = await process.communicate()

    assert printed == b""
    assert says in errors.decode()
    assert process.returncode == (0 if len(words) == 1 else 2)
