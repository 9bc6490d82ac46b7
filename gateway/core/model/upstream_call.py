"""Kinds of calls to the provider, with effect, rate limit and circuit breaker group."""

from enum import Enum, IntEnum
from typing import Any, Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class Effect(Enum):
    """The side effect of an operation or call. Decides caching, retries and bookkeeping."""

    READ = "read"  # may be cached, shared and repeated
    CHANGE = "change"  # changes state at the provider, costs nothing
    SPEND = "spend"  # costs money


class Priority(IntEnum):
    """Order of service in a rate limiter's queue; equal priorities in order of arrival.

    The last two have a share: where others wait too, one permit in four is theirs, two for the
    first to one for the second.
    """

    SPEND = 0  # purchases, cancellations and other changes
    WAITED_FOR = 1  # the status of rentals with waiting callers
    READ = 2
    PRICES = 3
    LISTENED = 4  # the status of rentals that clients of the event stream listen to
    FOLLOWED = 5  # the status of all other rentals, read in slow rounds


class UpstreamCall(Generic[In, Out]):
    """One kind of call, declared beside the operation that makes it.

    `bucket` names its rate limit; calls with the same address share one.
    `group` names its circuit breaker: one for all purchases and one for all changes, so that
    failing reads stop neither. `per_second` is the provider's limit, `premium` that of a premium
    account. `priority` defaults by effect. `of_many`: keys of many accounts share its window, and a
    429 concerns the one that got it. Compared by identity.
    """

    __slots__ = (
        "bucket", "effect", "group", "name", "of_many", "per_second", "premium", "priority",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        effect: Effect,
        *,
        bucket: str | None = None,
        group: str | None = None,
        priority: Priority | None = None,
        rates: tuple[float, float | None] = (1.0, None),
        of_many: bool = False,
    ) -> None:
        """`rates`: calls per second, and the same for premium accounts; None where equal."""
        self.name = name
        self.effect = effect
        self.of_many = of_many
        self.bucket = bucket or name
        self.group = group or (name if effect is Effect.READ else effect.value)
        usual = Priority.READ if effect is Effect.READ else Priority.SPEND
        self.priority = usual if priority is None else priority
        self.per_second, premium = rates
        self.premium = self.per_second if premium is None else premium


AnyCall = UpstreamCall[Any, Any]
