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

Row = Mapping[str, str | int | bool | list[str] | None]

_COUNTS = ("rentals", "codes", "cancelled", "expired", "success_rate", "median_seconds")
MONEY = {"price", "balance", "charged", "refunded", "net", "reserved"}
TO_THE_RIGHT = MONEY | {"id", "stock", "ttl_minutes", *_COUNTS}
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
# What a list of events shows of the rental that each is about.
_OF_A_RENTAL = ("service_code", "number", "code")
# Left out of lists, where room is little: a single rental and --json show them.
_DETAILS = {"currency", "code_received_at"}
_JOINER = "\u200d"  # holds emoji together; every other unseen character is shown as a dot


def show(value: BaseModel, verb: Verb, *, as_json: bool, console: "Console | None" = None) -> None:
    """Write an operation's value to standard output: a table for a list, else a card."""
    if console is None and _as_json(as_json):
        click.echo(value.model_dump_json(indent=2 if sys.stdout.isatty() else None))
        return
    fields = value.model_dump(mode="json")
    rows = fields.get("data")
    if rows and isinstance(rows[0], dict) and "data" in rows[0]:
        rows = [_event_row(row) for row in rows]
    table = _card(fields) if rows is None else _table(rows, _columns(rows), brief=True)
    _print(table, _note(fields, verb), console)


def show_rows(rows: Sequence[Row], *, as_json: bool, console: "Console | None" = None) -> None:
    """Write rows to standard output, with every column; each row has the same names."""
    if console is None and _as_json(as_json):
        click.echo(json.dumps({"data": [dict(row) for row in rows]}, ensure_ascii=False))
        return
    _print(_table(rows, list(rows[0]) if rows else []), console=console)


def show_error(
    error: GatewayError, verb: Verb, op: AnyOperation, trace_id: str, *, as_json: bool
) -> None:
    """Write an error to standard error: a sentence, or the problem document."""
    if as_json:
        to_stderr(problem(error, trace_id).model_dump_json(exclude_none=True))
        return
    detail = printable(verb.reworded(error.detail, op.takes.model_fields))
    to_stderr(f"{click.style(error.code, fg='red', bold=True)}: {detail}")
    if error.upstream is not None:
        to_stderr(
            click.style(f'The provider said: "{printable(error.upstream.message)}"', dim=True)
        )


def to_stderr(line: str) -> None:
    """Write a line to standard error."""
    click.echo(line, err=True)


def printable(text: str) -> str:
    """The text without control characters, which a stranger's text could steer a terminal by."""
    return "".join(c if c.isprintable() or c == _JOINER else "·" for c in text)


def _as_json(asked: bool) -> bool:
    return asked or not sys.stdout.isatty()


def _print(shown: "RenderableType", note: str = "", console: "Console | None" = None) -> None:
    if console is None:
        from rich.console import Console

        console = Console()
    console.print(shown)
    if note:
        console.print(note, style="dim", highlight=False, markup=False, soft_wrap=True)


def _table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, brief: bool = False
) -> "RenderableType":
    """A row for each. `brief` writes times without year and seconds, their zone in the heading."""
    from rich import box
    from rich.table import Table

    if not rows:
        return "Nothing found."
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in TO_THE_RIGHT else "left"
        heading = _brief_title(name) if brief else _title(name)
        table.add_column(heading, justify=justify, overflow="fold")
    cell = _brief_cell if brief else _cell
    for row in rows:
        table.add_row(*(cell(name, row[name]) for name in columns))
    return table


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    """What a list shows: the ledger's id only where a row has no other, one name of a service."""
    if not rows:
        return []
    hidden = _DETAILS | {name for name in rows[0] if all(row[name] is None for row in rows)}
    if all(row.get("id") is not None for row in rows):
        hidden.add("ledger_id")
    if "number" in rows[0] and any(row.get("service_code") for row in rows):
        hidden.add("service_name")
    return [name for name in rows[0] if name not in hidden]


def _event_row(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with some of its rental's fields in place of the rental, its details in words."""
    rental, details = event["data"] or {}, event["details"] or {}
    own = {name: value for name, value in event.items() if name not in {"data", "details"}}
    told = [f"{_title(name)} {value}" for name, value in details.items() if value is not None]
    return {
        **own,
        "rental_id": rental.get("id"),
        **{name: rental.get(name) for name in _OF_A_RENTAL},
        "details": ", ".join(told) or None,
    }


def _is_instant(name: str) -> bool:
    return name.endswith("_at") or name == "timestamp"


def _brief_title(name: str) -> str:
    return f"{_title(name).removesuffix(' at')} (UTC)" if _is_instant(name) else _title(name)


def _brief_cell(name: str, value: Any) -> "Text | str":
    if _is_instant(name) and value is not None:
        return str(value)[5:16].replace("T", " ")
    return _cell(name, value)


def _card(fields: dict[str, Any]) -> "RenderableType":
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in fields.items():
        if value not in (None, []) and name != "currency":
            grid.add_row(_title(name), _cell(name, value))
    return grid


def _note(fields: dict[str, Any], verb: Verb) -> str:
    notes = []
    if "data" in fields and (notice := fields.get("notice")):
        from gateway.core.operations.catalog import BY_NAME

        inputs = BY_NAME[verb.operation].takes.model_fields
        notes.append(printable(verb.reworded(notice, inputs)))
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
    if isinstance(value, list):
        return Text(printable(", ".join(map(_code if name == "codes" else str, value))))
    if name in MONEY:
        return Text(f"${value}")
    if _is_instant(name):
        return Text(_instant(value))
    style = COLOURS.get(value, "") if name == "status" else ""
    return Text(printable(str(value)), style="bold green" if name == "code" else style)


def _code(code: Mapping[str, Any]) -> str:
    unsure = ", perhaps without its first zeros" if code["provisional"] else ""
    return f"{code['code']} ({_instant(code['received_at'])}{unsure})"


def _instant(text: str) -> str:
    return f"{text[:19].replace('T', ' ')} UTC"
