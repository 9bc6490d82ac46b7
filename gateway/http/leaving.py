"""Who has hung up, and the end of what waits for them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

_LOOK_EVERY = 0.5


class Leaving:
    """Looks at all who wait together: a task or timer for each would cost memory and time.

    Only for work that may be cut off at any point; changes and purchases never are.
    """

    def __init__(self) -> None:
        """Start with nobody."""
        self._waiting: dict[asyncio.Task[object], web.BaseRequest] = {}
        self._looking = False

    @contextmanager
    def ends_with(self, request: web.BaseRequest) -> Iterator[None]:
        """While the block runs, its task is cancelled soon after the caller has hung up."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - handlers run in tasks
        self._waiting[task] = request
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)
        try:
            yield
        finally:
            del self._waiting[task]

    def _look(self) -> None:
        for task, request in self._waiting.items():
            if gone(request):
                task.cancel()
        self._looking = bool(self._waiting)
        if self._looking:
            asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)


def gone(request: web.BaseRequest) -> bool:
    """Whether the connection of a request is closed or closing."""
    transport = request.transport
    return transport is None or transport.is_closing()
