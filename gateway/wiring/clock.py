"""The machine's own time."""

import time
from datetime import UTC, datetime
from functools import partial


class SystemClock:
    """The machine's own time. The library's functions themselves: they are called all the time."""

    now = staticmethod(partial(datetime.now, UTC))
    monotonic = staticmethod(time.monotonic)
