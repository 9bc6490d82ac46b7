"""MCP servers on standard input and output: what their start costs, and how soon they end."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from bench.measure import Ratio
from bench.process import Server, clean_environment

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Start:
    """`cpu`: seconds of CPU to the answer to `initialize`; `end`: seconds from the end of input."""

    cpu: float
    end: float


Starts = Mapping[str, Sequence[Sequence[Start]]]


@dataclass(frozen=True, slots=True)
class Command:
    """A program of this interpreter, and its environment."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def by_turns(commands: Mapping[str, Command], rounds: int, starts: int) -> Starts:
    """Every command some times a round, by turns."""
    found: dict[str, list[list[Start]]] = {name: [[] for _ in range(rounds)] for name in commands}
    for turn in range(rounds):
        for _ in range(starts):
            for name, command in commands.items():
                found[name][turn].append(_start(command))
    return found


def cpu_ratio(starts: Starts, ours: str, theirs: str) -> Ratio:
    """How many times their CPU ours takes, round by round."""
    return _spread(
        _median(mine, _cpu) / _median(other, _cpu)
        for mine, other in zip(starts[ours], starts[theirs], strict=True)
    )


def cpu_median(starts: Starts, name: str) -> float:
    """The median of all rounds, in seconds."""
    return statistics.median(_median(each, _cpu) for each in starts[name])


def end_seconds(starts: Starts, name: str) -> Ratio:
    """From the end of input to that of the program."""
    return _spread(_median(each, lambda start: start.end) for each in starts[name])


def _start(command: Command) -> Start:
    process = subprocess.Popen(
        [sys.executable, *command.arguments],
        env=clean_environment() | dict(command.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        _ask(process.stdin, process.stdout, 1, "initialize", _INITIALIZE)
        cpu = Server(process.pid, 0).cpu_seconds()
        _say(process.stdin, {"method": "notifications/initialized"})
        _ask(process.stdin, process.stdout, 2, "tools/call", _CALL)
        begun = time.perf_counter()
        process.stdin.close()
        process.wait(_PATIENCE)
        return Start(cpu, time.perf_counter() - begun)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


_INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}
_CALL = {"name": "list_prices", "arguments": {"limit": 1}}


def _ask(stdin: IO[bytes], stdout: IO[bytes], number: int, method: str, params: Any) -> None:
    _say(stdin, {"id": number, "method": method, "params": params})
    answer = json.loads(stdout.readline())
    if "result" not in answer or answer["result"].get("isError"):
        raise RuntimeError(f"{method}: {answer}")


def _say(stdin: IO[bytes], message: dict[str, Any]) -> None:
    stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    stdin.flush()


def _median(starts: Sequence[Start], of: Callable[[Start], float]) -> float:
    return statistics.median(map(of, starts))


def _cpu(start: Start) -> float:
    return start.cpu


def _spread(values: Any) -> Ratio:
    found = list(values)
    return Ratio(statistics.median(found), min(found), max(found))
