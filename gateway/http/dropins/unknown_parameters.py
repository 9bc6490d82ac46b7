"""Tells the operator which parameters purchases are refused for."""

import time
from collections.abc import Callable, Iterable

import structlog
from cachetools import TTLCache

from gateway.core.model.redact import redacted

log = structlog.get_logger("gateway.dropins")

_MOST_NAMES = 1000
_MOST_LOGGED = 5
_EVERY = 60.0  # seconds


class UnknownParameters:
    """Logs each name once a minute, so that a tool that repeats itself fills no log."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` in seconds."""
        self._logged: TTLCache[str, bool] = TTLCache(_MOST_NAMES, _EVERY, timer=now)

    def refused(self, names: Iterable[str], trace_id: str) -> None:
        """A purchase was refused for these names; what may be a key is not repeated."""
        told = dict.fromkeys(map(redacted, names))
        new = [name for name in told if name not in self._logged][:_MOST_LOGGED]
        self._logged.update(dict.fromkeys(new, True))
        if new:
            log.warning(
                "a purchase with unknown parameters was refused",
                parameters=", ".join(new),
                trace_id=trace_id,
            )
