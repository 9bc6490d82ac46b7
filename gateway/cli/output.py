"""Shows values and errors to people: tables, cards and sentences; JSON only where it is asked for.

Colours show at a terminal alone: click takes them out elsewhere, and where NO_COLOR is set.
"""

import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import click
from pydantic import BaseModel

from gateway.cli.cells import cell, event_row, heading, instant, is_to_the_right, printable, title
from gateway.cli.listings import LISTINGS, Listing
from gateway.cli.table import Column, card_lines, lines_of, sentence_lines
from gateway.cli.verbs import Verb
from gateway.cli.words import terminal_width
from gateway.core.model.errors import GatewayError
from gateway.core.model.problem import problem
from gateway.core.model.settling import settled_with
from gateway.core.operations.operation import AnyOperation

Row = Mapping[str, str | int | bool | list[str] | None]

_ANY = Listing()
_LOST = "purchase.outcome_unknown"  # an event
_SHOWN_ONCE = "Keep the secret: it is shown this once, and verifies what is sent."
_NOT_SHOWN = "It was there already: its secret was shown when it was created first."
# Left out of lists that nobody has described.
_DETAILS = {"currency", "code_received_at", "service_name"}


def show(
    value: BaseModel,
    verb: Verb,
    *,
    as_json: bool,
    wide: bool = False,
    narrowed_by: Collection[str] = (),
) -> None:
    """Write an operation's value to standard output: a table for a list, else a card.

    `wide`: every column of a list. `narrowed_by`: the options that may have left it empty.
    """
    if as_json:
        click.echo(value.model_dump_json(indent=2 if sys.stdout.isatty() else None))
        return
    fields = value.model_dump(mode="json")
    rows, listing = fields.get("data"), LISTINGS.get(verb.operation, _ANY)
    if rows is None:
        _print(_card(fields))
    elif rows:
        flat = [event_row(row) for row in rows] if "data" in rows[0] else rows
        _print(_table(flat, listing, wide=wide, group_by=fields.get("group_by")))
    elif not fields.get("notice"):
        say(listing.nothing(narrowed_by))
    for note in _notes(fields, verb):
        _print(click.style(line, dim=True) for line in sentence_lines(note, terminal_width()))


def show_rows(
    rows: Sequence[Row], listing: Listing = _ANY, *, as_json: bool, wide: bool = False
) -> None:
    """Write rows to standard output; each row has the same names."""
    if as_json:
        click.echo(json.dumps({"data": [dict(row) for row in rows]}, ensure_ascii=False))
        return
    if rows:
        _print(_table(rows, listing, wide=wide))
    else:
        say(listing.nothing())


def show_unwritten(bought: BaseModel, fault: OSError) -> None:
    """Write to standard error what was bought, since standard output cannot be written to."""
    to_stderr(f"What was bought could not be written ({fault.strerror}): it is told here.")
    to_stderr(bought.model_dump_json())
    with suppress(OSError):  # what is left of it would fail once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_error(
    error: GatewayError, verb: Verb, op: AnyOperation, trace_id: str, *, as_json: bool
) -> None:
    """Write an error to standard error: a sentence, or the problem document."""
    if as_json:
        to_stderr(problem(error, trace_id).model_dump_json(exclude_none=True))
        return
    detail = printable(verb.reworded(error.detail, op.takes.model_fields))
    first, *rest = sentence_lines(f"{error.code}: {detail}", terminal_width(sys.stderr))
    to_stderr(first.replace(error.code, click.style(error.code, fg="red", bold=True), 1))
    if error.upstream is not None:
        said = f'The provider said: "{printable(error.upstream.message)}"'
        rest += [
            click.style(line, dim=True) for line in sentence_lines(said, terminal_width(sys.stderr))
        ]
    for line in rest:
        to_stderr(line)


def say(sentence: str) -> None:
    """Write a sentence to standard output."""
    _print(sentence_lines(sentence, terminal_width()))


def to_stderr(line: str) -> None:
    """Write a line to standard error."""
    click.echo(line, err=True)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _card(fields: Mapping[str, Any]) -> list[str]:
    known = {name: each for name, each in fields.items() if _tells(name, each) and each != []}
    shown = [(title(name), cell(name, known[name])) for name in known if name != "currency"]
    return card_lines(shown, terminal_width())


def _table(
    rows: Sequence[Mapping[str, Any]], listing: Listing, *, wide: bool, group_by: str | None = None
) -> list[str]:
    """`wide`: every column, and whole times. `group_by`: what the column `group` is called."""
    columns = [
        Column(
            group_by if group_by and name == "group" else heading(name, brief=not wide),
            [cell(name, row[name], brief=not wide) for row in rows],
            name,
            to_the_right=is_to_the_right(name),
        )
        for name in (_told(rows, rows[0]) if wide else _few(rows, listing))
    ]
    return lines_of(columns, terminal_width(), () if wide else listing.goes_first)


def _few(rows: Sequence[Mapping[str, Any]], listing: Listing) -> list[str]:
    """The usual columns of a list, without those that are empty."""
    names = listing.columns or [name for name in rows[0] if name not in _DETAILS]
    return [name for name in names if any(_tells(name, row.get(name)) for row in rows)]


def _told(rows: Sequence[Mapping[str, Any]], names: Iterable[str]) -> list[str]:
    """The columns without that of test keys, where nothing is theirs."""
    return [name for name in names if name != "test" or any(row[name] for row in rows)]


def _tells(name: str, value: object) -> bool:
    """Whether a field says anything: what is real needs no word."""
    return value is not None and (name != "test" or bool(value))


def _notes(fields: Mapping[str, Any], verb: Verb) -> Iterator[str]:
    """What to know about a value besides, and what to do next."""
    if "data" in fields and (notice := fields.get("notice")):
        from gateway.core.operations.catalog import BY_NAME

        inputs = BY_NAME[verb.operation].takes.model_fields
        yield printable(verb.reworded(notice, inputs))
    if "fetched_at" in fields and "data" in fields:
        stale = ", older than it should be" if fields["stale"] else ""
        yield f"{len(fields['data'])} rows, as of {instant(fields['fetched_at'])}{stale}."
    if "total" in fields and fields.get("data"):
        yield _total(fields["total"])
    yield from _unsettled(fields)
    if "secret" in fields:
        yield _SHOWN_ONCE if fields["secret"] else _NOT_SHOWN
    if cursor := fields.get("next_cursor"):
        yield f"More: repeat it with --cursor {cursor}"
    if verb.then and fields.get("id") is not None:
        yield verb.then.format(id=fields["id"])


def _total(total: Mapping[str, Any]) -> str:
    spent = f"In all ${total['net']}: ${total['charged']} less ${total['refunded']} refunded"
    if not Decimal(total["reserved"]):
        return f"{spent}."
    held = "for purchases under way and of unknown outcome"
    return f"{spent}; ${total['reserved']} more is reserved {held}. {settled_with()}"


def _unsettled(fields: Mapping[str, Any]) -> Iterator[str]:
    """How purchases of unknown outcome are settled, where some are shown."""
    shown = fields.get("data", [fields])
    lost = [row for row in shown if row.get("status") == "unknown" and row.get("id") is None]
    lost += [row["details"] or {} for row in shown if row.get("type") == _LOST]
    ids = [row["ledger_id"] for row in lost if row.get("ledger_id")]
    if len(ids) > 1:
        yield f"Of unknown outcome: {', '.join(ids)}."
    if lost:
        yield settled_with(ids[0] if len(ids) == len(lost) == 1 else None)
