"""Servers under test, each a process of its own: started, asked for CPU and memory, ended."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_START_SECONDS = 20.0
_END_SECONDS = 15.0
_OURS = ("GATEWAY_", "GETATEXT_")


class Server:
    """A running server on a loopback port."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """User and system time so far: what /proc/PID/stat says, but in nanoseconds."""
        return time.clock_gettime(~self.pid << 3 | 2)

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        if found is None:
            raise RuntimeError("the process has ended")
        return int(found[1]) * 1024


@contextmanager
def serving(
    arguments: Sequence[str],
    port: int,
    environment: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
) -> Iterator[Server]:
    """Run this interpreter with these arguments until the block ends, however it ends."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=clean_environment() | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=output or subprocess.DEVNULL,
        stderr=output,
        start_new_session=True,  # Ctrl-C comes to us only; we end it
    )
    try:
        try:
            _await_port(process, port)
        except RuntimeError as error:
            error.add_note(_written(output))
            raise
        yield Server(process.pid, port)
    finally:
        _end(process)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    """The environment without settings of ours; bytecode is kept, as where it is installed."""
    left_out = (*_OURS, "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    patience = time.monotonic() + _START_SECONDS
    while time.monotonic() < patience:
        if process.poll() is not None:
            raise RuntimeError(f"a server ended at once: {process.args!r}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"a server does not listen: {process.args!r}")


def _written(output: IO[bytes] | None) -> str:
    if output is None:
        return "It wrote nothing."
    output.seek(0)
    return output.read()[-2000:].decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also where a second Ctrl-C cut the wait short
        if process.poll() is None:
            process.kill()
            process.wait()
