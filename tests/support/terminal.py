"""Runs a command at a pseudo-terminal, as a person sees it and types.

Its process is forked from one that has loaded what commands need, so that one costs little more
than what it does itself.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from gateway.__main__ import main
from tests.support.forks import FORKS

Typed = tuple[str, str | Callable[[], str]]
"""What must have been shown, and what is then typed; a function is called and tells it."""

_PATIENCE = 60.0  # seconds in which a command shows more, or ends
_ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\^_])")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a terminal has got, with what was typed there, and the exit code of the command."""

    raw: str
    exit_code: int

    @property
    def text(self) -> str:
        """Without colours and other escape sequences."""
        return _ESCAPE.sub("", self.raw).replace("\r\n", "\n")


def at_terminal(
    *words: str,
    env: Mapping[str, str],
    columns: int = 80,
    typed: Sequence[Typed] = (),
    stdout: Path | None = None,
) -> Shown:
    """Run a command of the program at a terminal, and answer what was shown.

    What is `typed` may be a line, "y\\n", or Ctrl-C, "\\x03". With `stdout` its standard output
    goes into that file; the rest stays at the terminal. The environment is this process's with
    `env`, but for the settings of the program.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = FORKS.Process(target=_run, args=(os.ttyname(slave), words, _environment(env), stdout))
    try:
        process.start()
        begun = _talk(master, process, list(typed))
        os.close(slave)
        rest = _rest(master)
        return Shown((begun + rest).decode(errors="replace"), process.exitcode or 0)
    finally:
        if process.is_alive():
            process.kill()
            process.join()
        os.close(master)


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    others = ("GATEWAY_", "GETATEXT_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return kept | {"TERM": "xterm-256color"} | dict(env)


def _talk(master: int, process: ForkServerProcess, typed: list[Typed]) -> bytes:
    """Read until the command has ended, and type when it is time."""
    shown, read = b"", 0
    while True:
        ready = select.select([master, process.sentinel], [], [], _PATIENCE)[0]
        assert ready, f"nothing more was shown: {shown!r}"
        if master not in ready:
            process.join(_PATIENCE)
            assert not typed, f"never shown: {typed[0][0]!r} in {shown!r}"
            return shown
        shown += os.read(master, 65_536)
        while typed and (at := shown.find(typed[0][0].encode(), read)) >= 0:
            awaited, answer = typed.pop(0)
            read = at + len(awaited.encode())
            os.write(master, (answer if isinstance(answer, str) else answer()).encode())


def _rest(master: int) -> bytes:
    """What is on its way after the last writer has gone."""
    rest = b""
    with suppress(OSError):  # how Linux tells the end
        while more := os.read(master, 65_536):
            rest += more
    return rest


def _run(terminal: str, words: tuple[str, ...], env: dict[str, str], stdout: Path | None) -> None:
    """In the child: make the terminal its own, and be the program."""
    os.setsid()
    shown = os.open(terminal, os.O_RDWR)  # becomes the controlling terminal
    written = shown if stdout is None else os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, source in ((0, shown), (1, written), (2, shown)):
        os.dup2(source, number)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["getatext-gateway", *words]
    main()
