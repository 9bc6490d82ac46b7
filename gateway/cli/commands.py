"""Every command, in reading order."""

from gateway.cli.lazy import Entry, LazyGroup, verb_entries
from gateway.cli.verbs import LONG_VERBS, VERBS

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
            "serve": Entry("gateway.cli.serve:serve", "Run the gateway."),
            "simulate": Entry("gateway.cli.serve:simulate", "Run a stand-in provider alone."),
            "openapi": Entry("gateway.cli.openapi:openapi", "The OpenAPI document."),
            "version": Entry("gateway.cli.version:version", "The version of this program."),
        },
        WITH_KEY: {
            **verb_entries(VERBS),
            "long": Entry("gateway.cli.commands:long", "Numbers rented for weeks."),
        },
    },
    help="Rent US phone numbers and read their SMS codes; or let other programs do it.",
    epilog=EPILOG,
)

long = LazyGroup(
    "long",
    {WITH_KEY: verb_entries(LONG_VERBS)},
    help="Numbers rented for a week up to a year.",
    epilog=EPILOG,
)
