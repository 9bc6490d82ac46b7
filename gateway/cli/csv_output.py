"""Writes the rows of a list to standard output as CSV (RFC 4180), page by page."""

import csv
import io
import re
from typing import Any, get_args

import click
from pydantic import BaseModel

from gateway.core.operations.operation import AnyOperation

# Lists leave the rentals' own lists and some fields empty.
_LEFT_OUT = {"list_rentals": {"codes", "balance", "notice"}}
# Spreadsheets run a cell that begins so; a number, such as one in E.164, does no harm.
_FORMULA = re.compile(r"(?![+-]?[0-9]+(\.[0-9]+)?$)[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n]").match


class CsvRows:
    """The header, then a line for each row; amounts and times are as in JSON."""

    def __init__(self, op: AnyOperation, group_by: str | None = None) -> None:
        """`group_by`: what the column `group` is called, for a list of groups."""
        row: type[BaseModel] = get_args(op.gives.model_fields["data"].annotation)[0]
        left_out = _LEFT_OUT.get(op.name, set())
        if group_by not in (None, "key"):
            left_out = {*left_out, "name"}
        self._names = [name for name in row.model_fields if name not in left_out]
        self._write([group_by if group_by and name == "group" else name for name in self._names])

    def add(self, page: BaseModel) -> None:
        """Write the rows of a page."""
        for row in page.model_dump(mode="json")["data"]:
            self._write([_cell(row[name]) for name in self._names])

    def _write(self, cells: list[str]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\r\n").writerow(cells)
        click.echo(line.getvalue().encode(), nl=False)


def _cell(value: Any) -> str:
    """A cell; a text of others that a spreadsheet would run as a formula gets an apostrophe."""
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"'{text}" if _FORMULA(text) else text
