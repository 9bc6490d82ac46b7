"""Everything in which a tool differs from its operation, as data.

An agent forgets quickly and spends a person's money: so some inputs are required, lists are short,
and descriptions say when to use which tool. An operation that is not listed gets defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.core.model.upstream_call import Effect
from gateway.core.operations.operation import AnyOperation, Toolset
from mcp_server.options import McpOptions
from mcp_server.tools.sanitize import CODE_TEXT

Json = dict[str, Any]

ALLOW_DUPLICATE = "allow_duplicate"
LIMIT = "limit"
LEFT_OUT = "left_out"
HINT = "hint"
REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class PageRules:
    """How many rows of a list a result holds. `whole`: the operation itself has no pages.

    `newest_by` names the field by which such a list is sorted, newest first.
    """

    default_limit: int = 20
    max_limit: int = 100
    whole: bool = False
    newest_by: str = ""


@dataclass(frozen=True, slots=True)
class WaitRules:
    """How long a tool call may wait, in seconds, and how long each call of the operation waits.

    `awaited` is what is waited for.
    """

    default_seconds: int = 45
    max_seconds: int = 50
    slice_seconds: int = 25
    field: str = "wait_seconds"
    awaited: str = "code"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What is different in one tool.

    `title` is for people, who confirm calls by it; empty: made of the name. A client that searches
    for tools loads one with `always_load` at once, and finds others by `search_hint` too. `also_in`
    is a toolset that needs it besides its own. `rows` tells the fields of a list's rows in words,
    in place of their schema. `priced` says where a purchase's price is looked up.
    """

    guidance: str = ""
    title: str = ""
    always_load: bool = False
    search_hint: str = ""
    also_in: Toolset | None = None
    required: tuple[str, ...] = ()
    rows: str = ""
    page: PageRules | None = None
    wait: WaitRules | None = None
    destructive: bool | None = None
    priced: Literal["service", "rental", "replacement", "long_rental"] | None = None


ADJUSTMENTS: Mapping[str, Adjustment] = {
    "list_prices": Adjustment(
        guidance=(
            "Start here, with query: there are hundreds. rent_number takes its service_code."
        ),
        page=PageRules(default_limit=15),
        always_load=True,
        also_in="rentals",
    ),
    "get_balance": Adjustment(guidance="Use it after insufficient_funds; get_usage tells on what."),
    "get_usage": Adjustment(
        guidance="It tells which services bring codes; list_rentals has each purchase.",
        page=PageRules(),
        rows=(
            "Each: group, name, rentals, codes, cancelled, expired, charged, refunded, net, "
            "reserved, success_rate, median_seconds."
        ),
    ),
    "rent_number": Adjustment(
        guidance=(
            "As max_price take the price of list_prices, times 1.2 with carrier or area_codes, 1.4 "
            "with both."
        ),
        title="Rent a number",
        required=("max_price",),
        priced="service",
        always_load=True,
    ),
    "list_rentals": Adjustment(
        guidance="Use it for a lost id, and after outcome_unknown.",
        rows="Each as in get_rental.",
        page=PageRules(),
    ),
    "get_rental": Adjustment(guidance="To wait for the SMS use wait_for_code."),
    "wait_for_code": Adjustment(
        guidance="Silent for minutes: replace_rental. Never call get_rental in a loop.",
        title="Wait for a code",
        wait=WaitRules(),
        always_load=True,
    ),
    "cancel_rental": Adjustment(
        guidance="Call it once: while it stays active, the gateway goes on by itself.",
        search_hint="phone number refund",
    ),
    "complete_rental": Adjustment(
        guidance="Call it when the service has accepted the code; for a later one rent_again.",
        destructive=False,
    ),
    "rent_again": Adjustment(
        guidance=("For a later code on that number; for a new number use rent_number."),
        title="Rent a number again",
        priced="rental",
    ),
    "replace_rental": Adjustment(
        guidance="A late code to the first is shown on its own rental.",
        title="Replace a silent number",
        priced="replacement",
    ),
    "list_long_rentals": Adjustment(
        guidance="Its id is the long_rental_id of others. For numbers of one code: list_rentals.",
        rows="Each as in renew_long_rental.",
        page=PageRules(whole=True, newest_by="rented_on"),
    ),
    "create_long_rental": Adjustment(
        guidance=(
            "So a person is asked first, or it is refused. No refund is promised. For one code "
            "rent_number is far cheaper."
        ),
        title="Rent a number for long",
        search_hint="keep a phone number for weeks",
    ),
    "renew_long_rental": Adjustment(
        guidance="The price is that of list_long_rentals; to renew by itself: set_auto_renew.",
        priced="long_rental",
    ),
    "cancel_long_rental": Adjustment(
        guidance="To keep it until then use set_auto_renew with false."
    ),
    "set_auto_renew": Adjustment(
        guidance="To pay for one period now use renew_long_rental.",
        title="Switch automatic renewal",
        destructive=False,
    ),
    "list_messages": Adjustment(
        guidance="Newest first. For a number rented for one code use wait_for_code.",
        search_hint="SMS inbox of a phone number",
        page=PageRules(whole=True, newest_by="received_at"),
        wait=WaitRules(default_seconds=0, awaited="message"),
    ),
}

# The fields of results that keep their descriptions: their names do not say everything.
DESCRIBED_OUTPUTS = frozenset(
    {
        "text",
        "provisional",
        "left_today",
    }
)

_DEFAULT_GUIDANCE: Mapping[Effect, str] = {
    Effect.READ: "It changes nothing and costs nothing.",
    Effect.CHANGE: "It changes something at the provider.",
    Effect.SPEND: "It is charged at once.",
}
_DUPLICATE_INPUT: Json = {
    "type": "boolean",
    "default": False,
    "description": "Buy although the same was just bought.",
}
_LEFT_OUT_OUTPUT: Json = {"type": "integer"}
_TEXT_OUTPUT: Json = {"type": "string"}
_REPLAYED_OUTPUT: Json = {"type": "boolean"}


def adjustment_of(op: AnyOperation) -> Adjustment:
    """What is different in the tool of an operation; a default for one that is not listed."""
    return ADJUSTMENTS.get(op.name) or _default(op)


def offered(op: AnyOperation, options: McpOptions) -> bool:
    """Whether an operation is a tool of a server with these options."""
    toolsets = (op.toolset, adjustment_of(op).also_in)
    chosen = op.tool and not options.toolsets.isdisjoint(toolsets)
    return chosen and (op.effect is Effect.READ or not options.read_only)


def _default(op: AnyOperation) -> Adjustment:
    """Short pages for a list; no price for a purchase, so that a person is asked about it."""
    return Adjustment(guidance=_DEFAULT_GUIDANCE[op.effect], page=_default_page(op))


def _default_page(op: AnyOperation) -> PageRules | None:
    takes, gives = op.takes.model_fields, op.gives.model_fields
    if "data" not in gives:
        return None
    if {LIMIT, "cursor"} <= set(takes) and "next_cursor" in gives:
        return PageRules()
    return None if LIMIT in takes else PageRules(whole=True)


def extra_inputs(op: AnyOperation) -> dict[str, Json]:
    """The inputs that a tool has besides those of its operation."""
    extra: dict[str, Json] = {}
    page = adjustment_of(op).page
    if page and page.whole:
        extra[LIMIT] = {"type": "integer", "description": "How many at the most."}
    if op.effect is Effect.SPEND and not op.once:
        extra[ALLOW_DUPLICATE] = dict(_DUPLICATE_INPUT)
    return extra


def extra_outputs(op: AnyOperation) -> dict[str, Json]:
    """The fields that a tool's result can have besides those of its operation."""
    extra: dict[str, Json] = {}
    if adjustment_of(op).page:
        extra[LEFT_OUT] = dict(_LEFT_OUT_OUTPUT)
    spends = op.effect is Effect.SPEND
    if spends or (adjustment_of(op).wait and "status" in op.gives.model_fields):
        extra[HINT] = dict(_TEXT_OUTPUT)
    if spends:
        extra[REPLAYED] = dict(_REPLAYED_OUTPUT)
    if op.effect is Effect.READ and "code" in op.gives.model_fields:
        extra[CODE_TEXT] = dict(_TEXT_OUTPUT)  # other tools' results can have it, and do not tell
    return extra
