"""Makes a command of an operation: its arguments, options and help are the operation's own."""

import sys
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, cast, get_args, get_origin

import click
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from gateway.cli.exit_codes import OK
from gateway.cli.parameters import gateway_option
from gateway.cli.session import Session, open_session
from gateway.cli.verbs import Verb
from gateway.core.model.upstream_call import Effect
from gateway.core.model.values import MAX_PAGE
from gateway.core.operations.catalog import BY_NAME
from gateway.core.operations.operation import AnyOperation

SWITCH = {"on": "true", "off": "false"}
_MOST_SHOWN = 60  # letters of choices that fit before the help of an option
_LISTS = {"area_codes", "events"}  # inputs with commas; their options may stand more than once


class _OptionalChoice(click.Choice):  # type: ignore[type-arg]  # not generic in older versions
    """A choice for which the empty text is as good as the option left out.

    `read` gives the choice that another spelling means, as the operation's input does.
    """

    def __init__(self, choices: list[str], read: Callable[[Any], Any]) -> None:
        super().__init__(choices, case_sensitive=False)
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The choice, or None."""
        return None if value == "" else super().convert(self._read(value), param, ctx)


class OperationCommand(click.Command):
    """A command that runs one operation."""

    def __init__(self, verb: Verb) -> None:
        """Read everything from the operation the verb stands for."""
        op = BY_NAME[verb.operation]
        fields = op.takes.model_fields
        named = [name for name in fields if name not in verb.arguments]
        params: list[click.Parameter] = [_argument(verb, n, fields[n]) for n in verb.arguments]
        params += [_option(verb, name, fields[name]) for name in named]
        if verb.waits:
            params.append(click.Option(["--wait"], is_flag=True, help="Stay until its code comes."))
        if "data" in op.gives.model_fields:
            params.append(click.Option(["--wide"], is_flag=True, help="Every column."))
        if op.effect is Effect.SPEND:
            params.append(click.Option(["--yes", "-y"], is_flag=True, help="Buy without asking."))
        if verb.csv:
            rows = "All rows as CSV; with --limit or --cursor those of one page."
            params.append(click.Option(["--csv", "as_csv"], is_flag=True, help=rows))
        as_json = click.Option(["--json", "as_json"], is_flag=True, help="Answer in JSON.")
        about = verb.reworded(f"{op.summary}.\n\n{op.description}", fields)
        super().__init__(verb.name, params=[*params, as_json], help=about, short_help=verb.help)
        gateway_option(self)
        self.verb = verb
        self.op = op

    def invoke(self, ctx: click.Context) -> None:
        """Run the operation with what was typed, and exit with its code."""
        from gateway.cli.execution import execute_and_show

        typed = dict(ctx.params)
        as_json, wait = bool(typed.pop("as_json")), bool(typed.pop("wait", False))
        as_csv, wide = bool(typed.pop("as_csv", False)), bool(typed.pop("wide", False))
        yes = bool(typed.pop("yes", False))
        session = open_session(typed.pop("gateway_url"))
        for name in typed.keys() & _LISTS:
            typed[name] = ",".join(filter(None, typed[name])) or None
        given = {name: value for name, value in typed.items() if value is not None}
        for name in given.keys() & self.verb.arguments.keys():
            given[name] = SWITCH.get(given[name], given[name])
        if as_csv:
            if as_json:
                raise click.UsageError("Say either --csv or --json.")
            one_page = _is_one_page(ctx)
            ctx.exit(_write_csv(session, self.verb, self.op, given, one_page=one_page))
        if self.op.effect is Effect.SPEND and not yes:
            from gateway.cli.buying import agree

            code, agreed = agree(session, self.verb, self.op, given, as_json=as_json)
            if agreed is None:
                ctx.exit(code)
            given = agreed
        if wait:
            ctx.exit(_rent_and_wait(session, self.verb, self.op, given, as_json=as_json))
        shown = execute_and_show(session, self.verb, self.op, given, as_json=as_json, wide=wide)
        ctx.exit(shown)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The arguments explained like the options."""
        if self.verb.arguments:
            rows = [
                (shown, _about(self.verb, self.op, name))
                for name, shown in self.verb.arguments.items()
            ]
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)


def _rent_and_wait(
    session: Session, verb: Verb, op: AnyOperation, given: dict[str, Any], *, as_json: bool
) -> int:
    """Buy, then stay until the code comes: what was bought is shown first, to people."""
    from gateway.cli import output
    from gateway.cli.commands.wait import wait_for
    from gateway.cli.execution import execute

    code, rental = execute(session, verb, op, given, as_json=as_json)
    if rental is None:
        return code
    if not as_json and sys.stdout.isatty():
        output.show(rental, verb, as_json=False)
    else:
        output.to_stderr(f"Rented {rental.number} as {rental.id}.")
    return wait_for(session, rental, as_json=as_json) if code == OK else code


def _is_one_page(ctx: click.Context) -> bool:
    """Whether a page was asked for, by its length or its cursor."""
    typed = click.core.ParameterSource.DEFAULT
    return any(ctx.get_parameter_source(name) is not typed for name in ("limit", "cursor"))


def _write_csv(
    session: Session, verb: Verb, op: AnyOperation, given: dict[str, Any], *, one_page: bool
) -> int:
    """Write a list as CSV, all its pages where not one was asked for."""
    from gateway.cli.csv_output import CsvRows
    from gateway.cli.execution import execute

    rows = CsvRows(op, given.get("group_by"))
    if one_page:
        code, page = execute(session, verb, op, given, as_json=False)
        if page is not None:
            rows.add(page)
        return code
    pages = {**given, "limit": MAX_PAGE}
    return execute(session, verb, op, pages, as_json=False, each_page=rows.add)[0]


def _about(verb: Verb, op: AnyOperation, name: str) -> str:
    fields = op.takes.model_fields
    return verb.reworded(fields[name].description or "", fields)


def _argument(verb: Verb, name: str, field: FieldInfo) -> click.Argument:
    choices = _choices(field.annotation)
    if field.annotation is bool:
        choices = list(SWITCH)
    shown = "|".join(choices) if choices else verb.arguments[name]
    return click.Argument(
        [name],
        required=field.is_required(),
        metavar=shown if field.is_required() else f"[{shown}]",
        type=click.Choice(choices, case_sensitive=False) if choices else click.STRING,
    )


def _option(verb: Verb, name: str, field: FieldInfo) -> click.Option:
    about = verb.reworded(field.description or "", BY_NAME[verb.operation].takes.model_fields)
    names = [verb.option(name), name]
    if field.annotation is bool:
        return click.Option(names, is_flag=True, flag_value="true", default=None, help=about)
    choices = _choices(field.annotation)
    metavar = None if choices else _metavar(field.annotation)
    if sum(map(len, choices)) > _MOST_SHOWN:
        metavar, about = name.upper(), f"{about} One of: {', '.join(choices)}."
    elif name in _LISTS and (several := _choices(next(iter(get_args(field.annotation)), None))):
        metavar, about = "TYPES", f"{about} With commas: {', '.join(several)}."
    return click.Option(
        names,
        required=field.is_required(),
        default=_default(field),
        multiple=name in _LISTS,
        show_default=True,
        help=about,
        type=_OptionalChoice(choices, _reader(field)) if choices else click.STRING,
        metavar=metavar,
    )


def _default(field: FieldInfo) -> Any:
    """What is taken where nothing is typed, as it would be typed."""
    if field.is_required():
        return None
    return field.default.value if isinstance(field.default, Enum) else field.default


def _choices(annotation: Any) -> list[str]:
    """What may be typed, where that is a short list."""
    if get_origin(annotation) is Literal:
        return [str(each) for each in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(each.value) for each in annotation]
    return []


def _reader(field: FieldInfo) -> Callable[[Any], Any]:
    """What an input's own type does to a value before it compares it with the choices."""
    found = (each.func for each in field.metadata if isinstance(each, BeforeValidator))
    return cast("Callable[[Any], Any]", next(found, lambda value: value))


def _metavar(annotation: Any) -> str:
    """A word for the kind of text that is wanted."""
    if annotation is Decimal:
        return "USD"
    if annotation is int:
        return "NUMBER"
    return next(
        (word for part in get_args(annotation) if (word := _metavar(part)) != "TEXT"), "TEXT"
    )
