"""What a kit is run before: a simulator, a gateway that is a process of its own, and a key."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.simulator import DEMO_KEY, Rules, Simulator, SimulatorConfig

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0
# Codes come while a kit waits, and a number may be cancelled at once.
RULES = Rules(code_after=2.0, cancel_locked=0.0)


@dataclass(frozen=True, slots=True)
class Result:
    """What one check of a kit came to; `reason` says why it failed, None where it passed."""

    name: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """A gateway before a simulated provider, for one kit."""

    simulator: Simulator
    url: str
    key: str
    tools: Path
    home: Path

    @property
    def env(self) -> dict[str, str]:
        """What a program of the kit runs with: no key of the user's, and the world out of reach."""
        packages = self.tools / "node_modules"
        return {
            "PATH": f"{packages / '.bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "NODE_PATH": str(packages),
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "127.0.0.1,localhost",
            "GATEWAY_URL": self.url,
            "GATEWAY_KEY": self.key,
            "SIMULATOR_URL": self.simulator.url,
            "PROVIDER_KEY": DEMO_KEY,
        }

    async def run(self, *command: str | Path, **env: str) -> tuple[int, str]:
        """A program's exit code, and all that it printed. It runs in `home`."""
        return await run(*command, cwd=self.home, env=self.env | env)

    async def told(self, *command: str | Path, **env: str) -> Sequence[Result]:
        """The results that a program prints: lines of JSON, `check` and `reason` in each.

        What else it prints is the reason of its failure, where it fails or tells nothing.
        """
        code, printed = await self.run(*command, **env)
        rows = [json.loads(line) for line in printed.splitlines() if line.startswith('{"check":')]
        results = [Result(row["check"], row["reason"]) for row in rows]
        if code or not results:
            results.append(Result(f"{Path(command[-1]).name} ends well", printed[-2000:]))
        return results


KitCheck = Callable[[Stand], Awaitable[Sequence[Result]]]


async def run(*command: str | Path, cwd: Path, env: dict[str, str]) -> tuple[int, str]:
    """A program's exit code and output; TimeoutError, and its end, after `PATIENCE` seconds."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, printed.decode(errors="replace")


@asynccontextmanager
async def standing(tools: Path) -> AsyncIterator[Stand]:
    """A stand whose programs for Node are those of `tools`, until the end of the block."""
    with TemporaryDirectory(prefix="integrations-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        async with Simulator(SimulatorConfig(rules=RULES)).running() as simulator:
            env = _gateway_env(simulator.url, Path(folder) / "data")
            async with _gateway(env) as url:
                yield Stand(simulator, url, await _new_key(env), tools, home)


def _gateway_env(provider: str, data: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "GETATEXT_BASE_URL": provider,
        "GETATEXT_API_KEY": DEMO_KEY,
        "GATEWAY_DATA_DIR": str(data),
        "GATEWAY_WEBHOOK_ALLOWED_NETWORKS": '["127.0.0.0/8", "::1/128"]',
    }


@asynccontextmanager
async def _gateway(env: dict[str, str]) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve", "--port", "0", "--log-format", "json"),
        cwd=ROOT,
        env=env,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None  # noqa: S101 - it was asked for
    reading = None
    try:
        async with asyncio.timeout(PATIENCE):
            url = await _listening(process.stderr)
        # A full pipe would hold the gateway up.
        reading = asyncio.create_task(process.stderr.read())
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        if reading is not None:
            await reading
        await process.wait()


async def _listening(log: asyncio.StreamReader) -> str:
    seen = b""
    async for line in log:
        seen += line
        if b'"listening"' in line:
            return str(json.loads(line)["url"])
    raise RuntimeError(f"The gateway did not start: {seen.decode()}")


async def _new_key(env: dict[str, str]) -> str:
    command = (sys.executable, "-m", "gateway", "keys", "create", "--name", "kits", "--no-budget")
    code, printed = await run(*command, cwd=ROOT, env=env)
    keys = [line for line in printed.splitlines() if line.startswith("gtw_")]
    if code or len(keys) != 1:
        raise RuntimeError(f"No key was made: {printed}")
    return keys[0]
