"""The system clock."""

import time
from datetime import UTC, datetime
from functools import partial


class SystemClock:
    """The system clock. Uses the library's functions directly, which saves a call each time."""

    now = staticmethod(partial(datetime.now, UTC))
    monotonic = staticmethod(time.monotonic)
