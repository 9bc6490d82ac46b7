"""Lays rows out as a table or as cards: words may wrap, ids and numbers never break."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import click

_GAP = 2
_FEW_WORDS = 16
_RULE = "─"
_WORD = re.compile(r"`[^`]*`\S*|getatext-gateway [^`]*$|\S+")
_BOLD = {"bold": True}


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, and how it looks where there are colours; `whole`: not to be wrapped at spaces."""

    text: str
    style: Mapping[str, Any] | None = None
    whole: bool = False


ABSENT = Cell("-", {"dim": True})
_NOTHING = Cell("")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its cells from the first row to the last, and its name."""

    heading: str
    cells: Sequence[Cell]
    name: str
    to_the_right: bool = False

    @property
    def widest(self) -> int:
        """The width that nothing of it needs to wrap in."""
        return max(width_of(self.heading), *(width_of(cell.text) for cell in self.cells))

    @property
    def narrowest(self) -> int:
        """The width of its longest word, which is never broken, and in which a few words fit."""
        words = max(width_of(self.heading), *(_longest_word(cell) for cell in self.cells))
        return max(words, min(self.widest, _FEW_WORDS))


def lines_of(
    columns: Sequence[Column], width: int | None, goes_first: Collection[str] = ()
) -> list[str]:
    """The lines of a table no wider than `width`; of cards, where not even few columns fit.

    Columns named in `goes_first` are left out one after the other. None: any width will do.
    """
    if width is None:
        return _table(columns, [column.widest for column in columns])
    left = list(columns)
    for name in (None, *goes_first):
        left = [column for column in left if column.name != name]
        if sum(column.narrowest + _GAP for column in left) - _GAP <= width:
            return _table(left, _shared_out(left, width))
    return _cards(columns, width)


def card_lines(fields: Sequence[tuple[str, Cell]], width: int | None) -> list[str]:
    """One value: a line for each field, its name before it."""
    label = max((width_of(name) for name, _ in fields), default=0) + _GAP
    lines = []
    for name, cell in fields:
        first, *rest = _wrapped(cell, None if width is None else width - label)
        blank = " " * (label - width_of(name))
        lines.append(f"{click.style(name, dim=True)}{blank}{_styled(first)}")
        lines += [f"{' ' * label}{_styled(each)}" for each in rest]
    return lines


def sentence_lines(text: str, width: int | None) -> list[str]:
    """A sentence, broken between words alone; a command in it stays on one line.

    It stands `like this`, or at the end.
    """
    return [text] if width is None else _folded(_WORD.findall(text), width)


def width_of(text: str) -> int:
    """How many places of a terminal a text takes: two for wide characters, none for marks."""
    if text.isascii():
        return len(text)
    return sum(map(_places, text))


def _places(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _longest_word(cell: Cell) -> int:
    words = [cell.text] if cell.whole else cell.text.split(" ")
    return max(map(width_of, words))


def _shared_out(columns: Sequence[Column], width: int) -> list[int]:
    """The widths of columns that fit: what is left over goes to those that would wrap most."""
    widths = [column.narrowest for column in columns]
    over = width - sum(widths) - _GAP * (len(columns) - 1)
    wanted = [column.widest for column in columns]
    for _ in range(over):
        lacking = [want - has for want, has in zip(wanted, widths, strict=True)]
        if not any(lacking):
            break
        widths[lacking.index(max(lacking))] += 1
    return widths


def _table(columns: Sequence[Column], widths: Sequence[int]) -> list[str]:
    sized = list(zip(columns, widths, strict=True))
    heading = [_padded(Cell(column.heading, _BOLD), width, column) for column, width in sized]
    lines = [_joined(heading), _joined([_RULE * width for width in widths])]
    for row in zip(*(column.cells for column in columns), strict=True):
        wrapped = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue=_NOTHING):
            cells = zip(parts, sized, strict=True)
            lines.append(_joined([_padded(part, width, column) for part, (column, width) in cells]))
    return lines


def _cards(columns: Sequence[Column], width: int) -> list[str]:
    lines: list[str] = []
    for row in zip(*(column.cells for column in columns), strict=True):
        fields = [(column.heading, cell) for column, cell in zip(columns, row, strict=True)]
        known = [(heading, cell) for heading, cell in fields if cell is not ABSENT]
        lines += [*([""] if lines else []), *card_lines(known, width)]
    return lines


def _joined(cells: Sequence[str]) -> str:
    return (" " * _GAP).join(cells).rstrip()


def _wrapped(cell: Cell, width: int | None) -> list[Cell]:
    """The cell as one or more lines, broken between words alone."""
    if cell.whole or width is None or width_of(cell.text) <= width:
        return [cell]
    return [Cell(line, cell.style) for line in _folded(cell.text.split(), width)]


def _folded(words: Sequence[str], width: int) -> list[str]:
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".lstrip()
        if not lines[-1] or width_of(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _padded(cell: Cell, width: int, column: Column) -> str:
    blank = " " * (width - width_of(cell.text))
    return blank + _styled(cell) if column.to_the_right else _styled(cell) + blank


def _styled(cell: Cell) -> str:
    return click.style(cell.text, **cell.style) if cell.style and cell.text else cell.text
