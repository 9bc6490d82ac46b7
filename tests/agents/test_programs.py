"""Coding agents as docs/mcp.md sets them up: the job is done, and refusals are read."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.agents.model import Call
from tests.agents.stand import ASKED, NPM, AgentStand, standing
from tests.mcp.support import bought
from tests.support.documents import snippets

CLAUDE = ("node", NPM / "@anthropic-ai/claude-code/cli-wrapper.cjs")
CODEX = ("node", NPM / "@openai/codex/bin/codex.js")
GEMINI = ("node", NPM / "@google/gemini-cli/bundle/gemini.js")
WAYS = {"command": 0, "url": 1}


async def claude(stand: AgentStand, way: int, search: str = "false") -> str:
    """Claude Code, told of the server and of the job by lines of the document."""
    *added, asking = snippets("Claude Code", "sh")
    _, *adding = shlex.split(stand.filled(added[way]))
    await stand.run(*CLAUDE, *adding)
    assert "Connected" in await stand.run(*CLAUDE, "mcp", "list")
    setting, _, *words = shlex.split(asking)
    name, _, value = setting.partition("=")
    return await stand.run(*CLAUDE, *words, **{name: value, "ENABLE_TOOL_SEARCH": search})


async def codex(stand: AgentStand, way: int) -> str:
    """Codex, by the document's part of its configuration."""
    snippet = stand.filled(snippets("Codex", "toml")[way])
    # It starts commands with nothing of its own environment.
    more = "".join(f"{name} = {json.dumps(value)}, " for name, value in stand.command_env.items())
    provider = {"name": "scripted", "base_url": f"{stand.model_url}/v1", "wire_api": "responses"}
    (stand.home / ".codex").mkdir(exist_ok=True)
    (stand.home / ".codex" / "config.toml").write_text(
        snippet.replace("env = { ", "env = { " + more)
        + "[model_providers.scripted]\n"
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in provider.items())
    )
    patient = "mcp_servers.getatext.startup_timeout_sec=60"  # for a busy machine
    chosen = ("-c", "model_provider=scripted", "-c", "model=gpt-5", "-c", patient)
    return await stand.run(*CODEX, "exec", "--skip-git-repo-check", *chosen, ASKED)


async def gemini(stand: AgentStand) -> str:
    """Gemini CLI, by the document's settings, and signed in by a key."""
    (snippet,) = snippets("Gemini CLI", "json")
    signed_in = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    settings = json.loads(stand.filled(snippet)) | signed_in
    (stand.home / ".gemini").mkdir()
    (stand.home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    return await stand.run(*GEMINI, "-m", "gemini-2.5-flash", "-p", ASKED)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_claude_code_does_the_job(way: int, tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.has_done_the_job(await claude(stand, way))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_codex_does_the_job(way: int, tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.has_done_the_job(await codex(stand, way))


async def test_gemini_cli_does_the_job(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.has_done_the_job(await gemini(stand))


async def test_claude_code_need_not_search_for_what_buys_and_waits(tmp_path: Path) -> None:
    def look(read: Sequence[str]) -> Call | str:
        return "It has a price." if read else Call("list_prices", {"query": "whatsapp"})

    async with standing(tmp_path, look) as stand:
        await claude(stand, WAYS["url"], search="true")

        at_once = {name for name in stand.model.tools if name.startswith("mcp__getatext__")}
        assert {name.rpartition("__")[2] for name in at_once} == {
            "list_prices",
            "rent_number",
            "wait_for_code",
        }


async def test_claude_code_cancels_what_it_asks_nobody(tmp_path: Path) -> None:
    async with standing(tmp_path, dear) as stand:
        await claude(stand, WAYS["url"])

        assert "confirmation_required: " in stand.model.read[0]
        assert "nobody could be asked" in stand.model.read[0]
        assert bought(stand.gateway) == 0


async def test_codex_declines_what_it_asks_nobody(tmp_path: Path) -> None:
    async with standing(tmp_path, dear) as stand:
        await codex(stand, WAYS["url"])

        assert "not_confirmed: " in stand.model.read[0]
        assert "by the client itself without asking" in stand.model.read[0]
        assert "--confirm-above" in stand.model.read[0]
        assert bought(stand.gateway) == 0


def dear(read: Sequence[str]) -> Call | str:
    """A purchase that a person has to confirm."""
    if read:
        return "It was refused."
    return Call("rent_number", {"service_code": "telegram", "max_price": 9.5})
