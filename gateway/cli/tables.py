"""Tables of the operator's commands: rows on a terminal, one JSON object for programs."""

import json
import sys
from collections.abc import Mapping, Sequence

import click

Row = Mapping[str, str | int | bool | list[str] | None]


def show(rows: Sequence[Row], *, as_json: bool) -> None:
    """The rows in full; each has the same names."""
    if as_json or not sys.stdout.isatty():
        click.echo(json.dumps({"data": [dict(row) for row in rows]}, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(rows[0] if rows else ["nothing yet"]))
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table)


def _cell(value: object) -> str:
    if value is None or value is False:
        return "-"
    if value is True:
        return "yes"
    return ", ".join(value) if isinstance(value, list) else str(value)
