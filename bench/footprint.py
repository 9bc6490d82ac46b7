"""What the gateway takes before anybody asks it anything: time to start, and memory."""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.contenders import gateway, upstream
from bench.load import connected
from bench.mcp import call
from bench.measure import Ratio
from bench.process import Server
from bench.report import Row, Target

_STARTS = 10
_MEBIBYTE = 2**20


def run(rounds: int) -> list[Row]:
    """The command line's help, and a server nobody has called yet, or an agent only once.

    The MCP library is imported by the first call of /mcp.
    """
    starts = [_help_seconds() for _ in range(_STARTS)]
    with upstream() as provider:
        sizes = [_idle_mebibytes(provider) for _ in range(min(rounds, 3))]
        with_mcp = [_idle_mebibytes(provider, agent=True) for _ in range(min(rounds, 3))]
    return [
        Row("getatext-gateway --help", "seconds", _spread(starts), Target("<", 0.3), " s"),
        Row("idle serve", "resident memory", _spread(sizes), Target("<", 90), " MiB"),
        Row("idle serve with /mcp", "resident memory", _spread(with_mcp), Target("<", 130), " MiB"),
    ]


def _help_seconds() -> float:
    command = [str(Path(sys.executable).with_name("getatext-gateway")), "--help"]
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=30)
    return time.perf_counter() - begun


def _idle_mebibytes(provider: Server, *, agent: bool = False) -> float:
    with gateway(provider) as server:
        if agent:
            asyncio.run(_call_a_tool(server.port))
        time.sleep(0.5)
        return server.resident_bytes() / _MEBIBYTE


async def _call_a_tool(port: int) -> None:
    async with connected(port, connections=1) as load:
        await load.run([call(1)])


def _spread(values: Sequence[float]) -> Ratio:
    return Ratio(statistics.median(values), min(values), max(values))
