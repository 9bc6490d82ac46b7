"""When a delivery is tried, and when a webhook is given up; after Standard Webhooks' example."""

import random
from datetime import datetime, timedelta

WAITS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""What is waited before each try, the first one included."""
FAILING_FOR = timedelta(days=4)
"""For how long a webhook may do nothing but fail."""
MOST_BEHIND = 10_000
"""How many deliveries may wait for one webhook."""
_SPREAD = 0.1
_LONGEST_ASKED = 3600.0  # seconds


def next_try_at(failed: int, at: datetime, retry_after: float | None) -> datetime | None:
    """When a delivery is tried again after so many failures; None: it is given up.

    `retry_after`: the seconds that the receiver asked for, which lengthen a wait up to an hour.
    """
    if failed >= len(WAITS):
        return None
    wait = WAITS[failed] * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311
    if retry_after is not None:
        wait = max(wait, timedelta(seconds=min(retry_after, _LONGEST_ASKED)))
    return at + wait
