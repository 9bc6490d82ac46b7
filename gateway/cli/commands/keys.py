"""The commands `keys`: who may use the gateway, within which limits, and who changed that.

They run the operations on keys: on the database here as its operator, or with --gateway at the
gateway there, with an admin key.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gateway.cli.exit_codes import FAILED
from gateway.cli.parameters import Moment, Number, Usd, gateway_option, json_option, wide_option
from gateway.cli.verbs import KEY_VERBS

if TYPE_CHECKING:
    from gateway.cli.session import Session
    from gateway.core.model.keys import Key, KeyList

Command = TypeVar("Command", bound=Callable[..., Any])

_VERBS = {verb.operation: verb for verb in KEY_VERBS}
_LIMITS = (
    click.option("--max-price", type=Usd(), help="The highest price of one rental."),
    click.option("--budget-day", type=Usd(), help="The most it may spend in a day (UTC)."),
    click.option("--budget-total", type=Usd(), help="The most it may spend in all."),
    click.option("--max-per-day", type=Number(1), help="The most purchases in a day (UTC)."),
    click.option("--services", help="The services it may rent for, comma-separated."),
    click.option("--max-active", type=Number(1), help="The most rentals at one time."),
    click.option(
        "--confirm-above",
        type=Usd(),
        help="Over MCP a person confirms what costs more; default GATEWAY_MCP_CONFIRM_ABOVE.",
    ),
    click.option(
        "--expires", "expires_at", type=Moment(), help="When it ends (UTC), such as 2027-01-31."
    ),
)
_LONG_RENTALS = (
    "It may also buy what tells no price before: long rentals and renewals. Such a purchase can "
    "cost more than its highest price and pass its budgets; it counts once it is charged."
)


def _limits(command: Command) -> Command:
    """Gives a command the options of a key's limits."""
    for option in reversed(_LIMITS):
        command = option(command)
    return command


@click.command()
@click.option("--name", required=True, help="What to call it: who has it, what it is for.")
@click.option("--read-only", is_flag=True, help="It may look, and change or buy nothing.")
@_limits
@click.option("--no-budget", is_flag=True, help="It may spend without end; say so on purpose.")
@click.option("--long-rentals", is_flag=True, help=_LONG_RENTALS)
@click.option("--admin", is_flag=True, help="It sees the whole account, not only what it bought.")
@click.option("--test", is_flag=True, help="It belongs to the test account: nothing costs money.")
@gateway_option
@json_option
def create(gateway_url: str | None, as_json: bool, **asked: Any) -> None:
    """Make a key and print it, alone on a line: it is shown this once.

    A key that may buy needs --budget-day or --budget-total, or --no-budget. What numbers may be
    rented for: docs/acceptable-use.md.
    """
    session = _open(gateway_url)
    given = _given(session, asked)
    made = _run(session, "create_key", given, as_json=as_json)
    if as_json:
        click.echo(made.model_dump_json())
    else:
        click.echo(made.secret)


@click.command("list")
@click.option("--all", "ended_too", is_flag=True, help="Also those that have ended.")
@gateway_option
@wide_option
@json_option
def list_keys(gateway_url: str | None, ended_too: bool, wide: bool, as_json: bool) -> None:
    """Show the keys with their limits, what each spent and what is left; never a key itself."""
    from gateway.cli import output
    from gateway.core.model.keys import KeyStatus

    keys: KeyList = _run(_open(gateway_url), "list_keys", {}, as_json=as_json)
    ended = KeyStatus.EXPIRED, KeyStatus.REVOKED
    shown = [key for key in keys.data if ended_too or key.status not in ended]
    listed = keys.model_copy(update={"data": shown})
    output.show(listed, _VERBS["list_keys"], as_json=as_json, wide=wide)
    if not as_json and (hidden := len(keys.data) - len(shown)):
        output.say(f"{hidden} more have ended: --all shows them.")


@click.command()
@click.argument("key")
@click.option("--name", help="What to call it from now on.")
@_limits
@click.option("--no-budget", is_flag=True, help="It may spend without end; say so on purpose.")
@click.option("--clear", help="Limits to remove, comma-separated, such as max-price,expires.")
@click.option("--suspend/--resume", "suspended", default=None, help="Whether it buys nothing.")
@click.option("--read-only/--no-read-only", default=None, help="Whether it may only look.")
@click.option("--long-rentals/--no-long-rentals", default=None, help=_LONG_RENTALS)
@click.option("--admin/--no-admin", default=None, help="Whether it sees the whole account.")
@gateway_option
@json_option
def update(
    key: str, clear: str | None, gateway_url: str | None, as_json: bool, **asked: Any
) -> None:
    """Change a key, given by its id, the beginning of that, or its name.

    What is left out stays as it is. Every running gateway knows of it within a second.
    """
    from gateway.cli import output

    session = _open(gateway_url)
    given = _given(session, asked)
    if clear is not None:
        names = clear.replace("-", "_").split(",")
        given["clear"] = ["expires_at" if n.strip() == "expires" else n.strip() for n in names]
    given["key_id"] = _meant(session, key, "change", as_json=as_json).id
    changed = _run(session, "update_key", given, as_json=as_json)
    output.show(changed, _VERBS["update_key"], as_json=as_json)


@click.command()
@click.argument("key")
@click.option(
    "--overlap-hours",
    type=Number(0, 168),
    default=24,
    show_default=True,
    help="For how many hours its secret of before is accepted too.",
)
@gateway_option
@json_option
def rotate(key: str, overlap_hours: int, gateway_url: str | None, as_json: bool) -> None:
    """Give a key a new secret and print it, alone on a line: it is shown this once.

    The key is given by its id, the beginning of that, or its name.
    """
    from gateway.cli.output import to_stderr
    from gateway.core.model.values import instant_text

    session = _open(gateway_url)
    given = {
        "key_id": _meant(session, key, "rotate", as_json=as_json).id,
        "overlap_hours": overlap_hours,
    }
    made = _run(session, "rotate_key", given, as_json=as_json)
    if as_json:
        click.echo(made.model_dump_json())
        return
    click.echo(made.secret)
    until = made.previous_secret_until
    told = "is not accepted any more" if until is None else f"ends at {instant_text(until)}"
    to_stderr(f"The secret before it {told}.")


@click.command()
@click.argument("key")
@gateway_option
def revoke(key: str, gateway_url: str | None) -> None:
    """Revoke a key for good, given by its id, the beginning of that, or its name.

    Every running gateway refuses it within a second.
    """
    from gateway.cli.cells import printable

    session = _open(gateway_url)
    meant = _meant(session, key, "revoke")
    revoked = _run(session, "revoke_key", {"key_id": meant.id}, as_json=False)
    click.echo(f"Revoked {printable(revoked.name)} ({revoked.id}).")


@click.command("audit-log")
@click.option("--subject", help="Only what was done to this key, purchase or webhook.")
@click.option("--limit", type=Number(1, 1000), default=100, show_default=True, help="How many.")
@click.option("--cursor", help="The next_cursor of the page before.")
@gateway_option
@wide_option
@json_option
def audit_log(gateway_url: str | None, wide: bool, as_json: bool, **asked: Any) -> None:
    """Show who changed keys, purchases and webhooks, newest first."""
    from gateway.cli import output

    session = _open(gateway_url)
    shown = _run(session, "list_audit_log", _given(session, asked), as_json=as_json)
    output.show(shown, _VERBS["list_audit_log"], as_json=as_json, wide=wide)


def _open(gateway_url: str | None) -> Session:
    from gateway.cli.session import open_session

    return open_session(gateway_url, operator=True)


def _given(session: Session, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that were typed; services of an account here by their codes."""
    given = {name: value for name, value in asked.items() if value is not None}
    if (ends := given.get("expires_at")) is not None and ends <= datetime.now(UTC):
        raise click.UsageError("--expires: is over; such a key would never be accepted.")
    services = list(filter(None, map(str.strip, given.pop("services", "").split(","))))
    if services and not (session.elsewhere or given.get("test")):
        from gateway.cli.key_services import codes_of
        from gateway.cli.session import with_gateway

        return {**given, "services": with_gateway(partial(codes_of, services=services))}
    return {**given, "services": services} if services else given


def _run(session: Session, operation: str, given: Mapping[str, Any], *, as_json: bool) -> Any:
    """What an operation gives. An error is shown, and ends the command."""
    from gateway.cli import output
    from gateway.cli.execution import advised_at_terminal, exit_code
    from gateway.core.model.errors import GatewayError
    from gateway.core.operations.catalog import BY_NAME

    verb, op, trace_id = _VERBS[operation], BY_NAME[operation], secrets.token_hex(8)
    try:
        answer = session.run(lambda operations: operations.answer(op, given, trace_id))
    except GatewayError as error:
        advised = advised_at_terminal(error, session)
        output.show_error(advised, verb, op, trace_id, as_json=as_json)
        raise SystemExit(exit_code(error)) from None
    return answer.value


def _meant(session: Session, given: str, to: str, *, as_json: bool = False) -> Key:
    """The key that is meant, `to` do something with it. Ends the command where there is none."""
    given = given.strip()
    keys: KeyList = _run(session, "list_keys", {}, as_json=as_json)
    found = _called(given, keys.data)
    if found is None:
        click.echo(f"There is no such key to {to}. See `getatext-gateway keys list`.", err=True)
        raise SystemExit(FAILED)
    return found


def _called(given: str, keys: Sequence[Key]) -> Key | None:
    """The unrevoked key with this id; else the one with this name, or whose id begins so.

    Raises UsageError where there are several.
    """
    from gateway.cli.cells import printable

    now = datetime.now(UTC)
    living = [k for k in keys if k.revoked_at is None and (k.expires_at or now) >= now]
    found = [key for key in keys if key.id == given and key.revoked_at is None] or [
        key for key in living if given and (key.name == given or key.id.startswith(given))
    ]
    if len(found) > 1:
        named = ", ".join(f"{printable(key.name)} ({key.id})" for key in found)
        raise click.UsageError(f"{len(found)} keys are meant by {given}: {named}. Give an id.")
    return found[0] if found else None
