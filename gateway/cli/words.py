"""How sentences at a terminal are written: amounts, and lines that break no number."""

from __future__ import annotations

import os
import re
import textwrap
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

_IN_USD = re.compile(r"\b([0-9]+\.[0-9]{2,}) USD\b")
_STDERR, _NARROWEST = 2, 20
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


def wrapped(text: str) -> str:
    """The text in lines as wide as the terminal of standard error, broken between words only."""
    with suppress(OSError):
        columns = os.get_terminal_size(_STDERR).columns
        width = max(columns - 1, _NARROWEST)
        return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    return text
