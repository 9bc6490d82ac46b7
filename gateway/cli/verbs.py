"""The short verbs: which command runs which operation, and what a person types for its inputs.

Everything else about a command is read from the operation itself. An operation without an entry
here has a verb made of its name, inputs and summary; only the help of its group does not list it,
since that must not load the operations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.cli.words import in_dollars

if TYPE_CHECKING:
    from gateway.core.operations.operation import AnyOperation


@dataclass(frozen=True, slots=True)
class Verb:
    """One command. `arguments` are the inputs typed without a name, in order, as help shows them.

    `options` names inputs otherwise than they are called; `then` is what to do next, for people.
    """

    name: str
    operation: str
    help: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    then: str = ""
    waits: bool = False  # takes --wait: what it buys is waited for
    csv: bool = False  # takes --csv: the rows of all pages

    def option(self, field_name: str) -> str:
        """The option an input is given by."""
        return "--" + self.options.get(field_name, field_name).replace("_", "-")

    def reworded(self, text: str, fields: Mapping[str, object]) -> str:
        """The text with commands, options and $0.55 for the API's names and its 0.55 USD.

        A name that is a word of English is one only where a sentence about that input begins.
        """
        words = _command_words()
        words |= {name: self.arguments.get(name) or self.option(name) for name in fields}
        compound, others = (
            "|".join(sorted(map(re.escape, some), key=len, reverse=True))
            for some in ([w for w in words if "_" in w], [w for w in words if "_" not in w])
        )
        pattern = rf"\b(?:{compound})\b|(?:^|(?<=; ))(?:{others})(?=: )"
        told = in_dollars(text.replace(" null", " empty").replace("null: ", "empty: "))
        return re.sub(pattern, lambda found: words[found[0]], told)


RENTAL = {"rental_id": "ID"}
LONG_RENTAL = {"long_rental_id": "ID"}
WEBHOOK = {"webhook_id": "ID"}
CODE_COMES = "Its code, once it has come: getatext-gateway wait {id}"

VERBS = (
    Verb(
        "prices",
        "list_prices",
        "What a number costs for each service.",
        arguments={"query": "QUERY"},
        options={"service_code": "service"},
    ),
    Verb("balance", "get_balance", "The account's balance."),
    Verb("key", "get_key", "What your key may."),
    Verb(
        "usage",
        "get_usage",
        "What was spent, and what came of it.",
        options={"group_by": "by"},
        csv=True,
    ),
    Verb(
        "rent",
        "rent_number",
        "Rent a number for one service's code.",
        arguments={"service_code": "SERVICE"},
        then=CODE_COMES,
        waits=True,
    ),
    Verb(
        "rentals",
        "list_rentals",
        "What was rented through this gateway.",
        options={"service_code": "service"},
        csv=True,
    ),
    Verb("status", "get_rental", "A rental's status and newest code.", arguments=RENTAL),
    Verb("cancel", "cancel_rental", "Cancel a rental without a code: a refund.", arguments=RENTAL),
    Verb("complete", "complete_rental", "Mark a rental as done.", arguments=RENTAL),
    Verb(
        "again",
        "rent_again",
        "Rent the number of an earlier rental again.",
        arguments=RENTAL,
        then=CODE_COMES,
        waits=True,
    ),
    Verb(
        "replace",
        "replace_rental",
        "Rent another number in place of a silent one.",
        arguments=RENTAL,
        then=CODE_COMES,
        waits=True,
    ),
    Verb("events", "list_events", "What happened, newest first."),
)

LONG_VERBS = (
    Verb("list", "list_long_rentals", "The account's long rentals."),
    Verb(
        "create",
        "create_long_rental",
        "Rent a number for a week up to a year.",
        arguments={"period": "PERIOD"},
        then="Its messages: getatext-gateway long messages {id}",
    ),
    Verb("renew", "renew_long_rental", "Pay for another period.", arguments=LONG_RENTAL),
    Verb("cancel", "cancel_long_rental", "Give a long rental back.", arguments=LONG_RENTAL),
    Verb(
        "auto-renew",
        "set_auto_renew",
        "Switch automatic renewal on or off.",
        arguments=LONG_RENTAL | {"auto_renew": "STATE"},
    ),
    Verb(
        "messages",
        "list_messages",
        "The messages a long rental received.",
        arguments=LONG_RENTAL,
        options={"wait_seconds": "wait"},
    ),
)

WEBHOOK_VERBS = (
    Verb("list", "list_webhooks", "The webhooks of your key."),
    Verb(
        "create",
        "create_webhook",
        "Have events sent to a URL; its secret is shown once.",
        arguments={"url": "URL"},
        options={"service_code": "service"},
        then="Try it: getatext-gateway webhooks test {id}",
    ),
    Verb("delete", "delete_webhook", "Send nothing more to it.", arguments=WEBHOOK),
    Verb("test", "test_webhook", "Send it a test, once.", arguments=WEBHOOK),
    Verb(
        "deliveries",
        "list_webhook_deliveries",
        "What was sent, and what came of it.",
        arguments=WEBHOOK,
    ),
    Verb(
        "redeliver",
        "redeliver_webhook",
        "Send events again.",
        arguments=WEBHOOK,
        options={"event_id": "event"},
    ),
)

KEY = {"key_id": "KEY"}
KEY_VERBS = (
    Verb("list", "list_keys", "The keys, their limits and spending."),
    Verb(
        "create",
        "create_key",
        "Make a key; it is shown once.",
        options={"expires_at": "expires"},
    ),
    Verb(
        "update",
        "update_key",
        "Change its limits or name; suspend it.",
        arguments=KEY,
        options={"expires_at": "expires"},
    ),
    Verb("rotate", "rotate_key", "Give it a new secret; shown once.", arguments=KEY),
    Verb("revoke", "revoke_key", "Revoke a key by its id or name.", arguments=KEY),
    Verb("audit-log", "list_audit_log", "Who changed keys, purchases, webhooks."),
)

WAIT = Verb("wait", "wait_for_code", "Wait for a rental's code.", arguments=RENTAL)

# Groups of commands by their names: "" stands for the program itself.
TOP, LONG, WEBHOOKS, KEYS = "", "long", "webhooks", "keys"
ENTRIES = {TOP: (*VERBS, WAIT), LONG: LONG_VERBS, WEBHOOKS: WEBHOOK_VERBS, KEYS: KEY_VERBS}


def derived_verbs(group: str) -> tuple[Verb, ...]:
    """The verbs of those operations of a group that have no entry."""
    from gateway.core.operations.catalog import BY_NAME

    entered = {verb.operation for verbs in ENTRIES.values() for verb in verbs}
    others = (op for op in BY_NAME.values() if op.name not in entered)
    return tuple(_derived(op) for op in others if _group(op) == group)


def _group(op: AnyOperation) -> str:
    return {"long_rentals": LONG, "webhooks": WEBHOOKS, "keys": KEYS}.get(op.toolset, TOP)


def _derived(op: AnyOperation) -> Verb:
    """`extend-rental` for extend_rental; what its path needs is typed without a name.

    In the group `long` the noun goes: `long extend`. What sells a rental takes --wait.
    """
    from gateway.core.model.rentals import Rental
    from gateway.core.model.upstream_call import Effect

    group = _group(op)
    short = re.sub("_long_rentals?$", "", op.name) if group == LONG else op.name
    taken = any(verb.name == short for verb in ENTRIES[group])
    rents = op.effect is Effect.SPEND and op.gives is Rental
    return Verb(
        (op.name if taken else short).replace("_", "-"),
        op.name,
        f"{op.summary}.",
        arguments={
            name: "ID" if name == op.subject else name.upper() for name in op.rest.path_fields
        },
        then=CODE_COMES if rents else "",
        waits=rents,
    )


def _command_words() -> dict[str, str]:
    """How the command line speaks of each operation."""
    words = {}
    for group, entries in ENTRIES.items():
        for verb in (*entries, *derived_verbs(group)):
            words[verb.operation] = f"`{group} {verb.name}`" if group else f"`{verb.name}`"
    return words
