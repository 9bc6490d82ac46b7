"""Asks a person at a terminal before anything is bought; elsewhere wants it said beforehand."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import output
from gateway.cli.asking import can_ask, says_yes
from gateway.cli.cells import printable
from gateway.cli.execution import advised_at_terminal, exit_code
from gateway.cli.exit_codes import FAILED, OK
from gateway.cli.words import dollars, wrapped
from gateway.core.invocation.validation import validate
from gateway.core.model.errors import GatewayError
from gateway.core.model.values import without_blanks

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gateway.cli.proposals import Proposal
    from gateway.cli.session import Operations, Session
    from gateway.cli.verbs import Verb
    from gateway.core.operations.operation import AnyOperation

_NOT_BOUGHT = "Nothing was bought."


def agree(
    session: Session, verb: Verb, op: AnyOperation, given: dict[str, Any], *, as_json: bool
) -> tuple[int, dict[str, Any] | None]:
    """The inputs to buy with, or the exit code where it is not to be bought.

    Without a terminal a highest price is agreement enough. Raises UsageError where none is given.
    """
    try:
        asked = validate(op.takes, given)
        if not can_ask():
            _check_said_beforehand(asked)
            return OK, given
        return _asked_about(session, op, asked, given)
    except GatewayError as error:
        advised = advised_at_terminal(error, session)
        output.show_error(advised, verb, op, secrets.token_hex(8), as_json=as_json)
        return exit_code(error), None


def _check_said_beforehand(asked: BaseModel) -> None:
    if getattr(asked, "max_price", None) is not None:
        return
    if "max_price" in type(asked).model_fields:
        raise click.UsageError(
            "Nobody can be asked here whether to buy it: say --yes, or --max-price USD for what it "
            f"may cost at the most. {_NOT_BOUGHT}"
        )
    raise click.UsageError(
        "Nobody can be asked here whether to buy it: say --yes. It takes no --max-price, since the "
        f"provider takes none for it. {_NOT_BOUGHT}"
    )


def _asked_about(
    session: Session, op: AnyOperation, asked: BaseModel, given: dict[str, Any]
) -> tuple[int, dict[str, Any] | None]:
    """Ask, once more where the price has risen meanwhile and no highest price holds it."""
    proposal = _proposed(session, op, asked)
    capped = _capped(asked, given, proposal)
    held = proposal.price is None or "max_price" in capped
    while _agrees(asked, proposal):
        now = proposal if held else _proposed(session, op, asked)
        if now.price is None or proposal.price is None or now.price <= proposal.price:
            return OK, capped
        proposal = now
        output.to_stderr("Its price has risen.")
    output.to_stderr(_NOT_BOUGHT)
    return FAILED, None


def _capped(asked: BaseModel, given: dict[str, Any], proposal: Proposal) -> dict[str, Any]:
    """The inputs with the price that is shown as the highest, where none is given.

    Not beside a request id, whose repetition must have the same inputs whatever prices do.
    """
    inputs = without_blanks(given)
    takes_price = "max_price" in type(asked).model_fields
    if takes_price and proposal.price is not None and "request_id" not in inputs:
        inputs.setdefault("max_price", str(proposal.price))
    return inputs


def _proposed(session: Session, op: AnyOperation, asked: BaseModel) -> Proposal:
    async def look_up(operations: Operations) -> Proposal:
        from gateway.cli.proposals import Proposals

        return await Proposals(operations, secrets.token_hex(8)).of(op, asked)

    return session.run(look_up)


def _agrees(asked: BaseModel, proposal: Proposal) -> bool:
    """Whether the person agrees to buy it. Raises KeyboardInterrupt."""
    output.to_stderr(wrapped(f"To buy: {printable(proposal.what)}."))
    output.to_stderr(wrapped(_cost(asked, proposal)))
    try:
        return says_yes("Buy it?")
    except KeyboardInterrupt:
        output.to_stderr(f"\n{_NOT_BOUGHT}")
        raise


def _cost(asked: BaseModel, proposal: Proposal) -> str:
    """What it costs, in a sentence."""
    most, repeatable = (getattr(asked, name, None) for name in ("max_price", "request_id"))
    if most is not None:
        listed = f"; by today's prices it costs {dollars(proposal.price)}" if proposal.price else ""
        cost = f"It costs at most {dollars(most)}{listed}."
    elif proposal.price is None:
        cost = proposal.unpriced
    elif "max_price" in type(asked).model_fields and repeatable is None:
        cost = f"It costs at most {dollars(proposal.price)}."
    else:
        cost = f"It costs {dollars(proposal.price)} by today's prices."
    if repeatable is not None:
        return f"{cost} It costs nothing if it was bought before with this request id."
    return cost
