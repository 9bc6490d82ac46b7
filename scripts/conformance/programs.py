"""The protocol's own programs, written for Node: how they are run, and what they print."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ROW = re.compile(r"^[✓✗] ([\w-]+): (\d+) passed, (\d+) failed$", re.MULTILINE)
_UNSCORED = re.compile(r"^  [✓✗] ([\w-]+) \([\w-]+\)$", re.MULTILINE)
_OLDEST_NODE = 22


@dataclass(frozen=True, slots=True)
class Scenario:
    """What one scenario of the suite came to; `scored` is whether it decides on conformance."""

    name: str
    passed: int
    failed: int
    scored: bool


async def missing() -> str | None:
    """What the programs lack to run, in a sentence; None where nothing is."""
    for name in ("node", "conformance", "mcp-inspector", "mcpb"):
        if shutil.which(name) is None:
            return f"{name} is not on the PATH: start this by `make conformance`."
    _, printed = await run("node", "--version")
    if int(printed.strip().lstrip("v").split(".")[0]) < _OLDEST_NODE:
        return f"Node {_OLDEST_NODE} or later is needed, and this is {printed.strip()}."
    return None


async def run(*command: str) -> tuple[int, str]:
    """A program's exit code, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, _COLOURS.sub("", printed.decode(errors="replace"))


def scenarios(printed: str) -> list[Scenario]:
    """The rows of the suite's summary."""
    summary = printed.partition("=== SUMMARY")[2]
    unscored = set(_UNSCORED.findall(summary.partition("Not scored")[2]))
    return [
        Scenario(name, int(passed), int(failed), name not in unscored)
        for name, passed, failed in _ROW.findall(summary)
    ]


def told(revision: str, code: int, found: list[Scenario]) -> Iterator[str]:
    """A row of the table in docs/mcp.md, and what is not in it."""
    scored = [each for each in found if each.scored]
    whole = sum(not each.failed for each in scored)
    passed = sum(each.passed for each in scored)
    checks = passed + sum(each.failed for each in scored)
    verdict = "conforms" if code == 0 and scored and whole == len(scored) else "does not conform"
    yield f"| {revision} | {whole} of {len(scored)} | {passed} of {checks} | {verdict} |"
    for each in found:
        if each.failed or not each.scored:
            scores = "scored" if each.scored else "not scored"
            yield f"  {each.name}, {scores}: {each.passed} passed, {each.failed} failed"
