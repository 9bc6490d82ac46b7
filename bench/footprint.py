"""What the gateway takes before anybody asks it anything, and what one command takes."""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.contenders import KEY, gateway, upstream
from bench.load import connected
from bench.mcp import call
from bench.measure import Ratio
from bench.process import Server, clean_environment
from bench.report import Row, Target

_STARTS = 10
_MEBIBYTE = 2**20
_LIBRARIES = "aiohttp.web, click, pydantic_settings, sqlalchemy, uvloop"


def run(rounds: int) -> list[Row]:
    """The command line's help, one read by a command, and a server nobody has called yet.

    Or an agent only once: the MCP library is imported by the first call of /mcp.
    """
    starts = [_help_seconds() for _ in range(_STARTS)]
    with upstream() as provider:
        sizes = [_idle_mebibytes(provider) for _ in range(min(rounds, 3))]
        with_mcp = [_idle_mebibytes(provider, agent=True) for _ in range(min(rounds, 3))]
        embedded, elsewhere = _reads(provider)
        ready = [(_ready_seconds(provider), _libraries_seconds()) for _ in range(rounds)]
    of_embedded = [one / other for one, other in zip(elsewhere, embedded, strict=True)]
    absolute = f"{statistics.median(elsewhere):.2f} s"
    return [
        Row("getatext-gateway --help", "seconds", _spread(starts), Target("<", 0.3), " s"),
        Row("a read by a command", "CPU", _spread(embedded), unit=" s"),
        Row(
            "the same with --gateway", "CPU", _spread(of_embedded), Target("≤", 0.65), "x", absolute
        ),
        Row(
            "serve until it listens",
            "CPU",
            _spread([ours / theirs for ours, theirs in ready]),
            unit="x",
            absolute=f"{statistics.median(ours for ours, _ in ready):.2f} s",
        ),
        Row("idle serve", "resident memory", _spread(sizes), Target("≤", 75), " MiB"),
        Row("idle serve with /mcp", "resident memory", _spread(with_mcp), Target("≤", 105), " MiB"),
    ]


def _help_seconds() -> float:
    command = [str(Path(sys.executable).with_name("getatext-gateway")), "--help"]
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=30)
    return time.perf_counter() - begun


def _reads(provider: Server) -> tuple[list[float], list[float]]:
    """The CPU seconds of a read by a gateway of its own, and by one elsewhere, by turns."""
    with TemporaryDirectory() as folder, gateway(provider) as server:
        here = {
            "GETATEXT_BASE_URL": provider.url,
            "GATEWAY_DATABASE_URL": f"sqlite:///{folder}/ledger.db",
        }
        pairs = [
            (_read_seconds(here), _read_seconds({"GATEWAY_URL": server.url}))
            for _ in range(_STARTS)
        ]
    return [one for one, _ in pairs], [other for _, other in pairs]


def _read_seconds(settings: dict[str, str]) -> float:
    command = [sys.executable, "-m", "gateway", "prices", "whatsapp", "--json"]
    return _cpu_of(command, {"GETATEXT_API_KEY": KEY} | settings)


def _ready_seconds(provider: Server) -> float:
    """The CPU of a start on a new file: of a package whose bytecode is there, as installed."""
    with gateway(provider) as server:
        return server.cpu_seconds()


def _libraries_seconds() -> float:
    """The CPU of loading the libraries that every start needs."""
    return _cpu_of([sys.executable, "-c", f"import {_LIBRARIES}"], {})


def _cpu_of(command: Sequence[str], settings: dict[str, str]) -> float:
    process = subprocess.Popen(
        command, env=clean_environment() | settings, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, "the command failed"
    return usage.ru_utime + usage.ru_stime


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
