"""How sentences at a terminal are written: amounts, and lines that break no number."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from decimal import Decimal

_IN_USD = re.compile(r"\b([0-9]+\.[0-9]{2,}) USD\b")
UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # of what is written
_USUAL = 80  # columns of a terminal that tells none
_CLOSE = "Close: "
_CANDIDATE = re.compile(r" ([0-9]+\.[0-9]{2,})(?=,|\.(?: |$)| \(out)")


def dollars(amount: Decimal) -> str:
    """An amount as everywhere at the terminal: $0.55."""
    from gateway.core.model.values import money_text

    return f"${money_text(amount)}"


def in_dollars(text: str) -> str:
    """A sentence of the core with its amounts as everywhere at the terminal."""
    before, close, candidates = _IN_USD.sub(r"$\1", text).partition(_CLOSE)
    return before + close + _CANDIDATE.sub(r" $\1", candidates)


def did_you_mean(close: Sequence[str]) -> str:
    """The sentence that follows one about an unknown name; empty where nothing is close to it."""
    return f" Did you mean {' or '.join(close)}?" if close else ""


def terminal_width(shown_on: TextIO | None = None) -> int | None:
    """The width of the terminal; None where the output goes elsewhere, and may be any."""
    stream = shown_on or sys.stdout
    if not stream.isatty():
        return None
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or _USUAL
    return _USUAL


def wrapped(text: str, indent: int = 0) -> str:
    """The text in lines as wide as the terminal of standard error, broken between words only.

    `indent`: by how much all lines but the first are set in.
    """
    from gateway.cli.table import sentence_lines

    width = terminal_width(sys.stderr)
    left = None if width is None else width - indent
    lines = [line for each in text.split("\n") for line in sentence_lines(each.strip(), left)]
    return f"\n{' ' * indent}".join(lines)
