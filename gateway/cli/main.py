"""Every command, in reading order."""

from gateway.cli.lazy import Entry, LazyGroup, verb_entries
from gateway.cli.verbs import LONG_VERBS, VERBS, WAIT

EPILOG = """\b
Exit codes:
  0    done
  1    refused, or failed: nothing was charged
  2    wrong input, settings or key
  3    the outcome of a purchase is not known: look before you repeat it
  130  interrupted
"""

WITH_KEY = "Operations, with the key in GETATEXT_API_KEY"

cli = LazyGroup(
    "getatext-gateway",
    {
        "Gateway": {
            "serve": Entry("gateway.cli.commands.serve:serve", "Run the gateway."),
            "mcp": Entry("gateway.cli.commands.mcp:mcp", "Tools for an AI agent, over stdio."),
            "simulate": Entry(
                "gateway.cli.commands.serve:simulate", "Run a stand-in provider alone."
            ),
            "keys": Entry("gateway.cli.main:keys", "Keys with limits, for other people."),
            "ledger": Entry("gateway.cli.main:ledger", "What was bought; lost answers."),
            "purge": Entry("gateway.cli.commands.ledger:purge", "Delete old codes and texts now."),
            "provider-webhook": Entry(
                "gateway.cli.commands.provider_webhook:provider_webhook", "Where webhooks go."
            ),
            "services": Entry("gateway.cli.commands.services:services", "Codes of legacy tools."),
            "openapi": Entry("gateway.cli.commands.openapi:openapi", "The OpenAPI document."),
            "version": Entry(
                "gateway.cli.commands.version:version", "The version of this program."
            ),
        },
        WITH_KEY: {
            **verb_entries(VERBS),
            "wait": Entry("gateway.cli.commands.wait:wait", WAIT.help),
            "long": Entry("gateway.cli.main:long", "Numbers rented for weeks."),
        },
    },
    help="Rent US phone numbers and read their SMS codes; or let other programs do it.",
    epilog=EPILOG,
)

keys = LazyGroup(
    "keys",
    {
        "Keys": {
            "create": Entry("gateway.cli.commands.keys:create", "Make a key; it is shown once."),
            "list": Entry(
                "gateway.cli.commands.keys:list_keys", "Every key, its limits and spending."
            ),
            "revoke": Entry("gateway.cli.commands.keys:revoke", "Revoke a key by its id or name."),
        }
    },
    help="The gateway's own keys, which lead to the account of GETATEXT_API_KEY.",
)

ledger = LazyGroup(
    "ledger",
    {
        "Ledger": {
            "list": Entry("gateway.cli.commands.ledger:list_spends", "Purchases, newest first."),
            "resolve": Entry(
                "gateway.cli.commands.ledger:resolve", "Settle one of unknown outcome."
            ),
        }
    },
    help="The purchases as they were written down.",
)

long = LazyGroup(
    "long",
    {WITH_KEY: verb_entries(LONG_VERBS)},
    help="Numbers rented for a week up to a year.",
    epilog=EPILOG,
)
