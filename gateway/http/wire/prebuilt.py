"""Responses whose head was written down before: nothing is left to do but to send them.

aiohttp makes a head anew for each response: the headers in a dictionary, defaults added, all of it
serialised. That is a third of what an answer from memory costs.
"""

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.web_request import BaseRequest
from multidict import istr

REQUEST_ID = istr("X-Request-Id")


class PrebuiltHead:
    """The status and the headers of responses, written down. None of it came from a caller."""

    __slots__ = ("headers", "lines", "status")

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        """Without Content-Length, Date and X-Request-Id: they are written for each response."""
        self.status = status
        self.headers = headers
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        self.lines = f"{line}{fields}{hdrs.SERVER}: {SERVER_SOFTWARE}\r\n".encode("ascii")


class Prebuilt:
    """A whole response but for its date and the name of its request; `body` None: a 304."""

    __slots__ = ("body", "head", "lines")

    def __init__(self, head: PrebuiltHead, body: bytes | None) -> None:
        """Put it together."""
        self.head = head
        self.body = body
        length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)
        self.lines = b"%b%bDate: " % (head.lines, length)


class PrebuiltResponse(web.StreamResponse):
    """Sends what was made. Whatever is asked in an unusual way is left to the library.

    The only header that may still be set is X-Request-Id, and it must be.
    """

    def __init__(self, made: Prebuilt) -> None:
        """Take what was made."""
        super().__init__(status=made.head.status)
        self._made = made
        self._writer: AbstractStreamWriter | None = None
        self._plain: web.Response | None = None

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open; what was made says nothing else."""
        if self._writer is not None:
            return True
        return super().keep_alive if self._plain is None else self._plain.keep_alive

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Begin the response. The library's signal on_response_prepare is not sent."""
        if (
            request.version == HttpVersion11
            and request.method == hdrs.METH_GET
            and request.keep_alive
            and super().keep_alive is not False  # False: the connection is to be closed
        ):
            self._writer = request.writer
            return self._writer
        self._plain = self._as_usual()
        return await self._plain.prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Send it, in one piece."""
        writer, made = self._writer, self._made
        if writer is None:
            if self._plain is not None:
                await self._plain.write_eof()
            return
        name = self.headers[REQUEST_ID].encode("ascii")
        await writer.write_eof(
            b"%b%b\r\nX-Request-Id: %b\r\n\r\n%b"
            % (made.lines, _date(int(time.time())), name, made.body or b"")
        )

    def _as_usual(self) -> web.Response:
        made = self._made
        plain = web.Response(status=made.head.status, body=made.body, headers=made.head.headers)
        plain.headers.extend(self.headers)
        if super().keep_alive is False:
            plain.force_close()
        return plain


@lru_cache(1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode("ascii")
