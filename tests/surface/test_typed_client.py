"""docs/clients.md makes a typed Python client and calls the gateway with it, as printed."""

import asyncio
import os
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.simulator import Rules
from tests.support.gateway import USUAL, Stand, run_simulated

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "clients.md"
PRINTED = "http://127.0.0.1:8080"
AT_ONCE = replace(USUAL, rules=Rules(code_after=0.0))


def printed(language: str) -> str:
    """The first block of a language in the part about Python."""
    part = DOCUMENT.read_text(encoding="utf-8").partition("\n## Python\n")[2]
    found = re.search(rf"```{language}\n(.*?)```", part, re.DOTALL)
    assert found
    return found[1]


async def run(folder: Path, *command: str) -> tuple[int, str]:
    """Exit status and output of a program that runs in a folder."""
    # ruff, which the generator calls, stands beside this Python.
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    running = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(running.communicate(), 120)
    assert running.returncode is not None
    return running.returncode, output.decode()


async def generate(folder: Path, stand: Stand) -> str:
    """Makes the client as the document says; what the generator prints."""
    install, command = printed("sh").strip().splitlines()
    assert install == "pip install openapi-python-client"
    words = shlex.split(command.replace(PRINTED, stand.url))
    program = Path(sys.executable).parent / words[0]
    status, output = await run(folder, str(program), *words[1:], "--fail-on-warning")
    assert status == 0, output
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("client")


async def test_the_printed_client_rents_and_reads_the_code(folder: Path) -> None:
    async with run_simulated(AT_ONCE) as stand:
        await generate(folder, stand)
        script = printed("python").replace(PRINTED, stand.url)
        status, output = await run(folder, sys.executable, "-W", "error", "-c", script)
        (rental,) = (await stand.client.get("/v1/rentals")).json["data"]

        assert status == 0, output
        assert output.splitlines() == [f"number {rental['number']}", f"code {rental['code']}"]
        assert rental["status"] == "completed"
        # An error is one of the client's own types.
        refused = script.replace("1.00", "0.01")
        status, output = await run(folder, sys.executable, "-W", "error", "-c", refused)

        assert status == 1
        assert output.startswith("price_too_high, charged: no. ")
        assert len((await stand.client.get("/v1/rentals")).json["data"]) == 1


async def test_the_older_document_makes_a_client_without_a_warning_too(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("openapi-python-client")
    document = ROOT / "docs" / "openapi" / "openapi-3.0.json"
    status, output = await run(
        tmp_path, str(program), "generate", "--path", str(document), "--fail-on-warning"
    )

    assert status == 0, output
