"""Every command, in reading order."""

import click

from gateway.cli.lazy import Entry, LazyGroup, verb_entries
from gateway.cli.verbs import LONG, LONG_VERBS, TOP, VERBS, WAIT, WEBHOOK_VERBS, WEBHOOKS

EPILOG = """\b
Exit codes:
  0    done
  1    refused, or failed: nothing was charged
  2    wrong input, settings or key
  3    the outcome of a purchase is not known: look before you repeat it
  130  interrupted
"""

WITH_KEY = "Operations, with the key in GATEWAY_KEY or GETATEXT_API_KEY"

_KEYS = "gateway.cli.commands.keys"
keys = LazyGroup(
    "keys",
    {
        "Keys": {
            "create": Entry(f"{_KEYS}:create", "Make a key; it is shown once."),
            "list": Entry(f"{_KEYS}:list_keys", "Every key, its limits and spending."),
            "update": Entry(f"{_KEYS}:update", "Change its limits or name; suspend it."),
            "rotate": Entry(f"{_KEYS}:rotate", "Give it a new secret; it is shown once."),
            "revoke": Entry(f"{_KEYS}:revoke", "Revoke a key by its id or name."),
            "audit-log": Entry(f"{_KEYS}:audit_log", "Who changed keys, purchases, webhooks."),
        }
    },
    short_help="Keys with limits, for other people.",
    help="The gateway's own keys, which lead to the account of GETATEXT_API_KEY: on the database "
    "here, or with --gateway at the gateway there, by an admin key.",
    epilog=EPILOG,
)

ledger = LazyGroup(
    "ledger",
    {
        "Ledger": {
            "list": Entry("gateway.cli.commands.ledger:list_spends", "Purchases, newest first."),
            "resolve": Entry(
                "gateway.cli.commands.ledger:resolve", "Settle one of unknown outcome."
            ),
            "record-refund": Entry(
                "gateway.cli.commands.ledger:record_refund", "Write down what came back."
            ),
        }
    },
    short_help="What was bought; lost answers.",
    help="The purchases as they were written down.",
)

config = LazyGroup(
    "config",
    {"Config": {"show": Entry("gateway.cli.commands.config:show", "The settings in force.")}},
    short_help="The settings in force.",
    help="The settings in force, and where each comes from.",
)

long = LazyGroup(
    "long",
    {WITH_KEY: verb_entries(LONG_VERBS)},
    verbs_of=LONG,
    short_help="Numbers rented for weeks.",
    help="Numbers rented for a week up to a year.",
    epilog=EPILOG,
)

webhooks = LazyGroup(
    "webhooks",
    {"Webhooks, with a key that a gateway made": verb_entries(WEBHOOK_VERBS)},
    verbs_of=WEBHOOKS,
    short_help="URLs that events are sent to.",
    help="URLs that a running gateway sends events to, with the key in GATEWAY_KEY.",
    epilog=EPILOG,
)

cli = LazyGroup(
    "getatext-gateway",
    {
        "Gateway": {
            "serve": Entry("gateway.cli.commands.serve:serve", "Run the gateway."),
            "mcp": Entry("gateway.cli.commands.mcp:mcp", "Tools for an AI agent, over stdio."),
            "simulate": Entry(
                "gateway.cli.commands.simulate:simulate", "Run a stand-in provider alone."
            ),
            "doctor": Entry("gateway.cli.commands.doctor:doctor", "What keeps it from working."),
            "config": config,
            "keys": keys,
            "ledger": ledger,
            "backup": Entry("gateway.cli.commands.backup:backup", "The ledger, to one file."),
            "restore": Entry("gateway.cli.commands.backup:restore", "The ledger, from a backup."),
            "purge": Entry("gateway.cli.commands.purge:purge", "Delete old codes and texts now."),
            "provider-webhook": Entry(
                "gateway.cli.commands.provider_webhook:provider_webhook", "Where webhooks go."
            ),
            "services": Entry("gateway.cli.commands.services:services", "Codes of legacy tools."),
            "openapi": Entry("gateway.cli.commands.openapi:openapi", "The OpenAPI document."),
            "completion": Entry(
                "gateway.cli.commands.completion:completion", "What lets a shell complete words."
            ),
            "version": Entry(
                "gateway.cli.commands.version:version", "The version of this program."
            ),
        },
        WITH_KEY: {
            **verb_entries(VERBS),
            "wait": Entry("gateway.cli.commands.wait:wait", WAIT.help),
            "long": long,
            "webhooks": webhooks,
        },
    },
    verbs_of=TOP,
    help="Rent US phone numbers and read their SMS codes; or let other programs do it.",
    epilog=EPILOG,
)
click.version_option(
    package_name="getatext-gateway", prog_name="getatext-gateway", message="%(prog)s %(version)s"
)(cli)
