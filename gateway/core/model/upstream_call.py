"""A kind of call to the provider, as policies see it: its effect, its rate limit, its breaker."""

from enum import Enum, IntEnum
from typing import Any, Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class Effect(Enum):
    """What an operation, and the call it makes, does to the world. Policies go by it."""

    READ = "read"  # may be cached, shared and repeated
    CHANGE = "change"  # changes something at the provider, costs nothing
    SPEND = "spend"  # costs money


class Priority(IntEnum):
    """Order in which calls waiting for one limit are served; equal ones in order of arrival."""

    SPEND = 0  # purchases, cancellations and other changes
    WAITED_FOR = 1  # the status of rentals somebody waits for
    READ = 2
    PRICES = 3


class UpstreamCall(Generic[In, Out]):
    """One kind of call, declared once, beside the operation that makes it.

    `bucket` names the rate limit it uses: its own, unless another call has the same address.
    `group` names the circuit breaker: one for all purchases, one for all changes, so that failing
    reads stop neither. `per_second` is the provider's limit, `premium` that of a premium account.
    `priority` follows from the effect where none is given. Compared by identity.
    """

    __slots__ = ("bucket", "effect", "group", "name", "per_second", "premium", "priority")

    def __init__(
        self,
        name: str,
        effect: Effect,
        *,
        bucket: str | None = None,
        group: str | None = None,
        priority: Priority | None = None,
        rates: tuple[float, float | None] = (1.0, None),
    ) -> None:
        """`rates`: calls per second, and the same for premium accounts; None where equal."""
        self.name = name
        self.effect = effect
        self.bucket = bucket or name
        self.group = group or (name if effect is Effect.READ else effect.value)
        usual = Priority.READ if effect is Effect.READ else Priority.SPEND
        self.priority = usual if priority is None else priority
        self.per_second, premium = rates
        self.premium = self.per_second if premium is None else premium


AnyCall = UpstreamCall[Any, Any]
