"""What the documentation tells a client to start or call is started and called; the manifests hold.

The snippets stand in docs/mcp.md and the README as a user copies them: only the key, the program's
folder and the port are put in.
"""

import hashlib
import json
import re
import shlex
import sys
import tomllib
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from adapters.simulator import DEMO_KEY
from gateway.cli.commands.mcp import mcp
from gateway.core.operations.catalog import TOOLS
from gateway.settings import Settings
from mcp_server.calls.waiting import PROGRESS_SECONDS
from mcp_server.options import McpOptions
from mcp_server.tools.adjustments import WaitRules
from scripts.conformance import programs
from scripts.mcpb import MANIFEST, SERVER, build, version
from tests.mcp.support import SimulatedStand, done, run_mcp
from tests.support.documents import ADDRESS, ROOT, blocks, snippets
from tests.support.documents import MCP as DOCUMENT

# The schema of 2025-12-11 from the repository modelcontextprotocol/static, which serves it at its
# $id, under the MIT licence, Copyright (c) 2025 Model Context Protocol; and its hash.
REGISTRY = ROOT / "tests" / "surface" / "mcp.server.schema.json"
AS_IT_CAME = "3fba09590c99f61735d234822279f4223fab9e300c0a81e81c91ab62a4114de0"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = "getatext-gateway"
KEYS = ("sk_…", "sk_demo", "${input:key}", "${user_config.api_key}")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Server:
    """How a client reaches the server: a command with its environment, or an address."""

    where: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def configured(where: str, content: Json) -> Iterator[Server]:
    """The servers of a client's configuration file."""
    for section in ("mcpServers", "servers", "mcp_servers", "context_servers"):
        for entry in content.get(section, {}).values():
            command = (entry["command"], *entry.get("args", ())) if "command" in entry else ()
            url = entry.get("url") or entry.get("httpUrl") or entry.get("serverUrl") or ""
            headers = entry.get("headers") or entry.get("http_headers") or {}
            yield Server(where, command, entry.get("env", {}), url, headers)


def added(where: str, line: str) -> Server:
    """The server of a `claude mcp add` line."""
    words, _, command = line.partition(" -- ")
    rest = iter(shlex.split(words)[3:])
    env: dict[str, str] = {}
    headers: dict[str, str] = {}
    plain: list[str] = []
    for word in rest:
        if word == "--env":
            name, _, value = next(rest).partition("=")
            env[name] = value
        elif word == "--header":
            name, _, value = next(rest).partition(": ")
            headers[name] = value
        elif word == "--transport":
            assert next(rest) == "http"
        else:
            plain.append(word)
    assert plain[0] == "getatext"
    url = plain[1] if len(plain) > 1 else ""
    return Server(where, tuple(shlex.split(command)), env, url, headers)


def servers() -> Iterator[Server]:
    for name, text in (("docs/mcp.md", DOCUMENT), ("README.md", README)):
        for block in blocks(text, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("claude mcp add "):
                    yield added(f"{name} claude", line)
    for client in re.findall(r"^### (.+)$", DOCUMENT, re.MULTILINE):
        for block in snippets(client, "json"):
            yield from configured(client, json.loads(block))
        for block in snippets(client, "toml"):
            yield from configured(client, tomllib.loads(block))


SERVERS = list(servers())


def with_key(values: Mapping[str, str]) -> dict[str, str]:
    """The values with a key where the document shows a place for one; there must be one."""
    filled = {name: DEMO_KEY if value in KEYS else value for name, value in values.items()}
    assert DEMO_KEY in filled.values()
    return filled


@asynccontextmanager
async def reached(server: Server, stand: SimulatedStand, folder: Path) -> AsyncIterator[Client]:
    if server.url:
        import httpx2

        assert server.url.startswith(ADDRESS)
        url = server.url.replace(ADDRESS, stand.url)
        async with (
            httpx2.AsyncClient(headers=with_key(server.headers), timeout=60) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            yield client
        return
    program, *args = server.command
    assert program == PROGRAM
    env = {
        "GETATEXT_BASE_URL": stand.sim.url,
        "GATEWAY_DATABASE_URL": f"sqlite:///{folder}/gateway.db",
    }
    started = StdioServerParameters(
        command=str(Path(sys.executable).with_name(program)),
        args=args,
        env=env | with_key(server.env),
    )
    async with Client(started) as client:
        yield client


def test_there_is_a_snippet_for_each_client() -> None:
    configured_by_file = ("Claude Desktop", "Codex", "Gemini CLI", "Cursor", "VS Code", "Windsurf")
    assert {*configured_by_file, "Zed"} <= {server.where for server in SERVERS}
    for program in ("Claude Code", "Open WebUI", "The inspector"):
        assert snippets(program, "sh")
    for kit in ("LangChain", "Pydantic AI", "OpenAI Agents SDK", "Google ADK", "FastMCP"):
        assert snippets(kit, "python")
    assert len([server for server in SERVERS if server.url]) == 6
    assert len([server for server in SERVERS if server.command]) == 5


@pytest.mark.parametrize(
    "server", SERVERS, ids=[f"{each.where} {'url' if each.url else 'command'}" for each in SERVERS]
)
async def test_a_snippet_leads_to_the_tools(server: Server, tmp_path: Path) -> None:
    async with run_mcp() as stand, reached(server, stand, tmp_path) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        balance = await done(client, "get_balance")

    assert names == [op.name for op in TOOLS]
    assert balance["balance"] == "100.00"


def test_the_document_names_every_tool_and_setting_truly() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", DOCUMENT))

    assert {op.name for op in TOOLS} <= named
    for name in re.findall(r"`(GATEWAY_[A-Z_]+)", DOCUMENT):
        assert name.lower() in Settings.model_fields


def test_the_document_tells_the_true_limits() -> None:
    options, wait = McpOptions(), WaitRules()

    assert (options.max_sessions, options.session_idle_seconds) == (500, 600)
    assert "500 at the most, each ended after ten idle minutes" in DOCUMENT
    assert (options.max_sessions_of_key, options.max_sessions_of_address) == (20, 200)
    assert "20 of one key and 200 of one address" in DOCUMENT
    assert (wait.default_seconds, wait.max_seconds, PROGRESS_SECONDS) == (45, 50, 5)
    assert "waits up to 50 s" in DOCUMENT
    assert str(Settings.model_fields["gateway_mcp_confirm_above"].default) == "1.00"


def test_the_document_names_every_argument_of_the_command() -> None:
    named = set(re.findall(r"^\| `(--[a-z-]+)", DOCUMENT, re.MULTILINE))

    assert named == {option.opts[0] for option in mcp.params}


def test_links_lead_to_files_that_are_there() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", DOCUMENT):
        assert (ROOT / "docs" / link).is_file(), link


def test_the_transcript_shows_the_whole_flow_and_nothing_of_a_machine() -> None:
    text = (ROOT / "docs" / "mcp-transcript.md").read_text(encoding="utf-8")
    called = re.findall(r"^\*\*(\w+)\*\*", text, re.MULTILINE)

    assert set(called) <= {op.name for op in TOOLS}
    assert {"list_prices", "rent_number", "wait_for_code", "complete_rental"} <= set(called)
    assert called.index("replace_rental") < len(called) - called[::-1].index("wait_for_code")
    assert '"ended_reason": "replaced"' in text
    for said in ("price_too_high: ", "> The user is asked", "> Progress 5 of", '"code": "'):
        assert said in text
    assert not re.search(r"/(?:home|root|tmp|Users|work)/|sk_[a-z0-9]", text)


def test_the_registrys_manifest_fits_its_rules_and_the_project() -> None:
    server = json.loads(SERVER.read_text(encoding="utf-8"))
    (package,) = server["packages"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    schema = json.loads(REGISTRY.read_text(encoding="utf-8"))

    assert hashlib.sha256(REGISTRY.read_bytes()).hexdigest() == AS_IT_CAME
    assert server["$schema"] == schema["$id"]
    assert not [error.message for error in Draft7Validator(schema).iter_errors(server)]
    # What the registry checks besides: braces are variables, and each is described.
    for remote in server["remotes"]:
        assert set(re.findall(r"{(\w+)}", remote["url"])) == set(remote["variables"])
    assert server["version"] == package["version"] == version()
    assert package["registryType"] == "pypi"
    assert package["identifier"] == project["name"]
    assert package["transport"] == {"type": "stdio"}
    assert [each["value"] for each in package["packageArguments"]] == ["mcp"]
    for variable in package["environmentVariables"]:
        assert variable["name"].lower() in Settings.model_fields
        assert isinstance(variable.get("default", ""), str)
    # By this line of the package's description the registry knows that both have one owner.
    assert f"mcp-name: {server['name']}" in README


async def test_the_bundle_is_started_as_its_manifest_says(tmp_path: Path) -> None:
    bundle = build(tmp_path / "dist")
    again = bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "unpacked")
    manifest = json.loads((tmp_path / "unpacked" / "manifest.json").read_text())
    project = tomllib.loads((tmp_path / "unpacked" / "pyproject.toml").read_text())
    config = manifest["server"]["mcp_config"]
    program = config["args"][config["args"].index("${__dirname}") + 1 :]

    assert manifest == json.loads(MANIFEST.read_text(encoding="utf-8"))
    assert manifest["version"] == version()
    assert manifest["server"]["entry_point"] in names
    assert {"pyproject.toml", "README.md", "LICENSE"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]
    assert build(tmp_path / "dist").read_bytes() == again
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project == {name: part for name, part in whole.items() if name != "dependency-groups"}

    # Everything but `uv run`, which makes the environment that this test runs in already.
    assert config["command"] == "uv"
    assert program == [PROGRAM, "mcp"]
    env = {name: _chosen(value, manifest) for name, value in config["env"].items()}
    server = Server("mcpb", tuple(program), env)
    async with run_mcp() as stand, reached(server, stand, tmp_path) as client:
        assert len((await client.list_tools()).tools) == len(TOOLS)


def _chosen(value: str, manifest: Json) -> str:
    """What the desktop client puts in for a `${user_config.…}`: the default, or the user's key."""
    name = value.removeprefix("${user_config.").removesuffix("}")
    return str(manifest["user_config"][name].get("default", value))


def test_a_summary_of_the_conformance_suite_is_read_as_it_is_written() -> None:
    printed = (
        "✓ ping: 9 passed, 0 failed\n"
        "=== SUMMARY ===\n"
        "✓ ping: 2 passed, 0 failed\n"
        "✗ tools-list: 2 passed, 1 failed\n"
        "✗ tasks-lifecycle: 1 passed, 8 failed\n\n"
        "Total: 5 passed, 9 failed\n\n"
        "Not scored for 2026-07-28: 1 scenario(s) run, 1 failing.\n"
        "  ✗ tasks-lifecycle (added-after-release)\n"
    )
    found = programs.scenarios(printed)

    assert [each.scored for each in found] == [True, True, False]
    assert list(programs.told("2026-07-28", 1, found)) == [
        "| 2026-07-28 | 1 of 2 | 4 of 5 | does not conform |",
        "  tools-list, scored: 2 passed, 1 failed",
        "  tasks-lifecycle, not scored: 1 passed, 8 failed",
    ]


async def test_the_suites_programs_that_lack_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert await programs.missing() == (
        "node is not on the PATH: start this by `make conformance`."
    )
