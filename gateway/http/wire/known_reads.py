"""Reads that were answered before: what their head says is not worked out again.

A client that polls sends the same bytes each time. What follows from them alone (the route, the
key, the validated inputs, the encoding) is kept by the whole head; whether the key still holds, and
what there is to tell, is looked up for each request.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import HttpVersion, HttpVersion11, hdrs, web

from gateway.core.operations.call import CallNote
from gateway.http.wire.cors import Headers
from gateway.http.wire.prebuilt import REQUEST_ID, Prebuilt

_MOST, _LONGEST = 4096, 2048  # heads, and bytes of each
_OF_ONE_REQUEST = (
    REQUEST_ID,
    hdrs.CONTENT_LENGTH,
    hdrs.TRANSFER_ENCODING,
    hdrs.EXPECT,
    hdrs.UPGRADE,
)
"""With one of these a request has more than its head, or will not come again."""
_Head = tuple[str, HttpVersion, tuple[tuple[bytes, bytes], ...]]


@dataclass(frozen=True, slots=True)
class Repeat:
    """How a face answers a read again. Both check the key.

    `handle` answers any request with the same head. `at_once` gives what can be told from memory,
    without a wait, or None.
    """

    handle: Callable[[web.Request], Awaitable[web.StreamResponse]]
    at_once: Callable[[], Prebuilt | None] | None = None


REPEAT = web.RequestKey("repeat", Repeat)
"""Set by a face that has answered a read, where the same head means the same read again."""


@dataclass(frozen=True, slots=True)
class KnownRead:
    """A read that was answered, with what is logged and counted of it, and added to its answer."""

    repeat: Repeat
    face: str
    path: str
    note: CallNote
    cors: Headers


class KnownReads:
    """The known reads by their whole head; of too many the oldest are dropped."""

    def __init__(self) -> None:
        self._known: dict[_Head, KnownRead] = {}

    def find(self, request: web.BaseRequest) -> KnownRead | None:
        """What is known of a GET with exactly this head."""
        return self._known.get((request.raw_path, request.version, request.raw_headers))

    def keep(self, request: web.Request, known: KnownRead) -> None:
        """Keep it for requests with the same head, if such may come, and mean the same."""
        if not _is_usual(request):
            return
        path, fields = request.raw_path, request.raw_headers
        if len(path) + sum(len(name) + len(value) for name, value in fields) > _LONGEST:
            return
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[path, request.version, fields] = known


def _is_usual(request: web.Request) -> bool:
    """Whether it is a GET of HTTP/1.1 that is only a head, on a connection that stays open."""
    return (
        request.method == hdrs.METH_GET
        and request.version == HttpVersion11
        and request.keep_alive
        and not any(name in request.headers for name in _OF_ONE_REQUEST)
    )
