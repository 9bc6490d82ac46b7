"""What is measured: every metric with its labels, and what its value means over several nodes.

`docs/metrics.md` lists them, and a test holds it to this.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gateway.core.model.errors import InternalError
from gateway.core.model.events import ALARMS
from gateway.core.model.provider_errors import UpstreamAuthFailed
from gateway.core.model.purchases import SpendState
from gateway.core.model.upstream_call import Effect
from gateway.core.model.webhooks import DeliveryState
from gateway.core.operations.catalog import CALLS, CATALOG
from gateway.core.upstream.circuit_breaker import BreakerState

PREFIX = "getatext_gateway"
OverNodes = Literal["sum", "max", "min"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. `expected`: the labels that are shown from the start, as 0.

    `of_database`: each node shows what it read of the whole database; others are of one node.
    `over_nodes`: what makes one value of those of several nodes.
    """

    name: str
    about: str
    over_nodes: OverNodes
    labels: tuple[str, ...] = ()
    expected: tuple[tuple[str, ...], ...] = ()
    of_database: bool = False

    @property
    def full_name(self) -> str:
        """The name with the prefix that all have."""
        return f"{PREFIX}_{self.name}"

    @property
    def help(self) -> str:
        """What it is, of what, and how nodes are put together."""
        whose = "the database" if self.of_database else "this node"
        return f"{self.about} Of {whose}; over nodes: {self.over_nodes}."


@dataclass(frozen=True, slots=True)
class Counter(Metric):
    """It only grows, and begins at 0 with each start."""


@dataclass(frozen=True, slots=True)
class Level(Metric):
    """A gauge: it goes up and down."""


@dataclass(frozen=True, slots=True)
class Histogram(Metric):
    """Counts of durations below each bound, in seconds."""

    bounds: tuple[float, ...] = ()


def _each(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    return tuple((name,) for name in names)


_ENDS = (SpendState.BOUGHT, SpendState.REFUSED, SpendState.RELEASED, SpendState.UNKNOWN)
# Answers from a cache take a millisecond; a wait over MCP up to 50 seconds.
_REQUEST_BOUNDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_CALL_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # a purchase takes up to 30
_CODE_BOUNDS = (5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1200.0)

CHARGED = Counter("charged_dollars", "What purchases cost, as far as this node wrote it.", "sum")
REFUNDED = Counter(
    "refunded_dollars", "What came back of purchases, as far as this node wrote it.", "sum"
)
PURCHASES = Counter(
    "purchases",
    "Purchases by how they ended. One whose unknown outcome is settled later counts in both.",
    "sum",
    ("outcome",),
    _each(_ENDS),
)
REPLACEMENTS = Counter("replacements", "Numbers that were bought in place of another.", "sum")
CODES = Counter("codes", "Codes that were read.", "sum")
TIME_TO_CODE = Histogram(
    "time_to_code_seconds",
    "From the purchase of a rental to its first code.",
    "sum",
    bounds=_CODE_BOUNDS,
)
UNKNOWN_PURCHASES = Level(
    "unknown_purchases", "Purchases whose outcome is unknown.", "max", of_database=True
)
ACTIVE_RENTALS = Level("active_rentals", "Rentals that are active.", "max", of_database=True)
CANCEL_WISHES = Level(
    "cancel_wishes", "Rentals that are to be cancelled and are not yet.", "max", of_database=True
)
OLDEST_CANCEL_WISH = Level(
    "oldest_cancel_wish_seconds",
    "For how long the oldest of them has waited; 0 without any.",
    "max",
    of_database=True,
)
LEDGER_AVAILABLE = Level("ledger_available", "1 while the database can be read and written.", "min")
LEDGER_FAILURES = Counter(
    "ledger_failures", "Purchases whose end could not be written down.", "sum"
)
CHARGED_ABOVE = Counter(
    "charged_above_reserved", "Purchases that cost more than was reserved for them.", "sum"
)
BALANCE = Level(
    "balance_dollars",
    "The balance of the server's account, as an answer of the last 15 minutes told it.",
    "min",
)
ALARMS_RAISED = Counter(
    "alarms",
    "Alarms that this node wrote as events.",
    "sum",
    ("type",),
    _each(type.value for type in ALARMS),
)
WEBHOOK_TRIES = Counter(
    "webhook_tries",
    "Events sent to webhooks, by how the delivery stands since: delivered, pending or failed.",
    "sum",
    ("state",),
    _each(DeliveryState),
)
OPERATIONS = Counter(
    "operations",
    "Operations that ended, by error code or ok.",
    "sum",
    ("operation", "outcome"),
    # Those of which one is an alarm: Prometheus sees no increase in a counter that appears as 1.
    tuple((operation.name, error.code) for operation in CATALOG
          for error in (InternalError, UpstreamAuthFailed)),
)  # fmt: skip
REQUESTS = Counter("http_requests", "HTTP requests that were answered.", "sum", ("face", "status"))
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds",
    "How long HTTP requests took, by the operation they asked for.",
    "sum",
    ("operation",),
    bounds=_REQUEST_BOUNDS,
)
LOOKUPS = Counter(
    "price_lookups", "Looks into the kept price lists, by what was found.", "sum", ("found",)
)
FOLLOWED = Level("followed_rentals", "Rentals that are followed to their end.", "sum")
FOLLOWING_LAG = Level(
    "following_lag_seconds",
    "How late the slow rounds are for the followed rental that is worst off.",
    "max",
)
RETURNED_UNUSED = Counter(
    "returned_unused", "Numbers without a code that were given back before their end.", "sum"
)
UPSTREAM_CALLS = Counter(
    "upstream_calls", "Calls to the provider, by how they ended.", "sum", ("call", "outcome")
)
UPSTREAM_SECONDS = Histogram(
    "upstream_call_duration_seconds",
    "How long calls to the provider took.",
    "sum",
    ("call",),
    bounds=_CALL_BOUNDS,
)
TURN_WAIT = Histogram(
    "turn_wait_seconds",
    "How long calls to the provider waited for their turn.",
    "sum",
    ("call",),
    bounds=_CALL_BOUNDS,
)
RATE_LIMITED = Counter("rate_limited", "Calls refused for a limit, by whom.", "sum", ("call", "by"))
SHARED_LIMIT_FAILURES = Counter(
    "shared_limit_failures",
    "Times the limits shared with other nodes were not to be had.",
    "sum",
)
RETRIES = Counter(
    "retries",
    "Reads that were put once more.",
    "sum",
    ("call",),
    _each(call.name for call in CALLS if call.effect is Effect.READ),
)
BREAKERS = Level(
    "breaker_state",
    "1 for the state a group of calls is in.",
    "max",
    ("group", "state"),
    tuple((group, state.value) for group in dict.fromkeys(call.group for call in CALLS)
          for state in BreakerState),
)  # fmt: skip
TIMES_OFF = Level(
    "provider_times_off_seconds",
    "How far the end of the newest rental lies off: GETATEXT_TIMEZONE is wrong.",
    "max",
)
BUILD = Level("build_info", "1, with the version that runs.", "max", ("version", "python"))

METRICS: tuple[Metric, ...] = tuple(
    each for each in list(globals().values()) if isinstance(each, Metric)
)
"""All of them, in the order above. Those of the process come besides."""
