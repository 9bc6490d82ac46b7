"""Shows values and errors: tables and colours at a terminal, JSON everywhere else."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click
from pydantic import BaseModel

from gateway.cli.verbs import Verb
from gateway.core.model.errors import GatewayError
from gateway.core.model.problem import problem
from gateway.core.operations.operation import AnyOperation

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

MONEY = {"price", "balance"}
TO_THE_RIGHT = MONEY | {"id", "stock", "ttl_minutes"}
TITLES = {
    "service_code": "service",
    "auto_renew": "renews",
    "ttl_minutes": "minutes",
    "multiple_sms": "more codes",
}
COLOURS = {
    "active": "cyan",
    "code_received": "bold green",
    "completed": "green",
    "cancelled": "yellow",
    "expired": "red",
    "unknown": "bold magenta",
}
# A row of a list has little room: who wants the rest looks at the one thing, or takes --json.
_DETAILS = {"currency", "code_received_at"}
_JOINER = "\u200d"  # holds emoji together; every other unseen character is shown as a dot


def show(value: BaseModel, verb: Verb, *, as_json: bool, console: "Console | None" = None) -> None:
    """Write a value to standard output."""
    if console is None:
        if as_json or not sys.stdout.isatty():
            click.echo(value.model_dump_json(indent=2 if sys.stdout.isatty() else None))
            return
        from rich.console import Console

        console = Console()
    fields = value.model_dump(mode="json")
    console.print(_table(value, fields) if "data" in fields else _card(fields))
    if note := _note(fields, verb):
        console.print(note, style="dim", highlight=False, markup=False, soft_wrap=True)


def show_error(
    error: GatewayError, verb: Verb, op: AnyOperation, trace_id: str, *, as_json: bool
) -> None:
    """Write an error to standard error: a sentence, or the problem document."""
    if as_json:
        tell(problem(error, trace_id).model_dump_json(exclude_none=True))
        return
    detail = seen(verb.spoken(error.detail, op.takes.model_fields))
    tell(f"{click.style(error.code, fg='red', bold=True)}: {detail}")
    if error.upstream is not None:
        tell(click.style(f'The provider said: "{seen(error.upstream.message)}"', dim=True))


def tell(line: str) -> None:
    """Write a line to standard error."""
    click.echo(line, err=True)


def seen(text: str) -> str:
    """The text without anything a terminal would obey: texts come from strangers."""
    return "".join(c if c.isprintable() or c == _JOINER else "·" for c in text)


def _table(value: BaseModel, fields: dict[str, Any]) -> "RenderableType":
    from rich import box
    from rich.table import Table

    rows: list[dict[str, Any]] = fields["data"]
    if not rows:
        return "Nothing found."
    shown = _columns(rows)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for name in shown:
        justify: Literal["left", "right"] = "right" if name in TO_THE_RIGHT else "left"
        table.add_column(_heading(name), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(_short(name, row[name]) for name in shown))
    return table


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    """What a list shows: the ledger's id only where something has no other, one name a service."""
    hidden = _DETAILS | {name for name in rows[0] if all(row[name] is None for row in rows)}
    if all(row.get("id") is not None for row in rows):
        hidden.add("ledger_id")
    if "number" in rows[0] and any(row.get("service_code") for row in rows):
        hidden.add("service_name")
    return [name for name in rows[0] if name not in hidden]


def _heading(name: str) -> str:
    return f"{_title(name)[:-3]} (UTC)" if name.endswith("_at") else _title(name)


def _short(name: str, value: Any) -> "Text | str":
    """A cell of a list: times without year and seconds, their zone stands in the heading."""
    if name.endswith("_at") and value is not None:
        return str(value)[5:16].replace("T", " ")
    return _cell(name, value)


def _card(fields: dict[str, Any]) -> "RenderableType":
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in fields.items():
        if value is not None and name != "currency":
            grid.add_row(_title(name), _cell(name, value))
    return grid


def _note(fields: dict[str, Any], verb: Verb) -> str:
    notes = []
    if "fetched_at" in fields and "data" in fields:
        stale = ", older than it should be" if fields["stale"] else ""
        notes.append(f"{len(fields['data'])} rows, as of {_instant(fields['fetched_at'])}{stale}.")
    if cursor := fields.get("next_cursor"):
        notes.append(f"More: repeat it with --cursor {cursor}")
    if verb.then and fields.get("id") is not None:
        notes.append(verb.then.format(id=fields["id"]))
    return "\n".join(notes)


def _title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " "))


def _cell(name: str, value: Any) -> "Text":
    from rich.text import Text

    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if name in MONEY:
        return Text(f"${value}")
    if name.endswith("_at"):
        return Text(_instant(value))
    style = COLOURS.get(value, "") if name == "status" else ""
    return Text(seen(str(value)), style="bold green" if name == "code" else style)


def _instant(text: str) -> str:
    return f"{text[:19].replace('T', ' ')} UTC"


Row = Mapping[str, str | int | bool | list[str] | None]


def show_rows(rows: Sequence[Row], *, as_json: bool) -> None:
    """The rows in full; each has the same names."""
    if as_json or not sys.stdout.isatty():
        click.echo(json.dumps({"data": [dict(row) for row in rows]}, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(rows[0] if rows else ["nothing yet"]))
    for row in rows:
        table.add_row(*(_plain(value) for value in row.values()))
    Console().print(table)


def _plain(value: object) -> str:
    if value is None or value is False:
        return "-"
    if value is True:
        return "yes"
    return ", ".join(value) if isinstance(value, list) else str(value)
