"""Responses with a head serialised in advance, which only have to be sent.

It saves what aiohttp does per response, the header dictionary, its defaults and its serialisation:
a third of the time of an answer from a cache.
"""

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest
from multidict import istr

REQUEST_ID = istr("X-Request-Id")
SERVER = "getatext-gateway"
"""What the header Server says, in place of the library's and Python's versions."""


class PrebuiltHead:
    """The status line and headers of responses, serialised. Hold no text from a caller."""

    __slots__ = ("headers", "lines", "status")

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        """`headers` without Content-Length, Date and X-Request-Id, which each response adds."""
        self.status = status
        self.headers = headers
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        self.lines = f"{line}{fields}{hdrs.SERVER}: {SERVER}\r\n".encode("ascii")


class Prebuilt:
    """A whole response but for Date and X-Request-Id; `body` None: a 304."""

    __slots__ = ("body", "head", "lines")

    def __init__(self, head: PrebuiltHead, body: bytes | None) -> None:
        """`head` may be shared with other responses."""
        self.head = head
        self.body = body
        length = b"" if body is None else b"Content-Length: %d\r\n" % len(body)
        self.lines = b"%b%bDate: " % (head.lines, length)


class PrebuiltResponse(web.StreamResponse):
    """Sends a `Prebuilt` in one write; unusual requests get the same as a plain response.

    Unusual are HEAD, HTTP/1.0 and connections to be closed. X-Request-Id must be set; other headers
    are serialised for each response, and none may hold a line break.
    """

    def __init__(self, prebuilt: Prebuilt, request_id: str | None = None) -> None:
        """`prebuilt` may be sent any number of times.

        `request_id`: of a request that is known to be usual; of any other it is set as a header.
        """
        super().__init__(status=prebuilt.head.status)
        self._prebuilt = prebuilt
        self._request_id = request_id
        self._writer: AbstractStreamWriter | None = None
        self._plain: web.Response | None = None

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open; always where the prebuilt head is sent."""
        if self._writer is not None:
            return True
        return super().keep_alive if self._plain is None else self._plain.keep_alive

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Choose how to send it. The prebuilt way sends no signal on_response_prepare."""
        if self._request_id is not None or (
            request.version == HttpVersion11
            and request.method == hdrs.METH_GET
            and request.keep_alive
            and super().keep_alive is not False  # False: the connection is to be closed
        ):
            self._writer = request.writer
            return self._writer
        self._plain = self._plain_response()
        return await self._plain.prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        """Send head and body in one write."""
        writer, prebuilt = self._writer, self._prebuilt
        if writer is None:
            if self._plain is not None:
                await self._plain.write_eof()
            return
        headers, request_id = self.headers, self._request_id
        plain = 0 if request_id else 1
        request_id = request_id or headers[REQUEST_ID]
        added = b"" if len(headers) == plain else self._added()
        await writer.write_eof(
            b"%b%b\r\nX-Request-Id: %b\r\n%b\r\n%b"
            % (
                prebuilt.lines,
                _date(int(time.time())),
                request_id.encode("ascii"),
                added,
                prebuilt.body or b"",
            )
        )

    def _added(self) -> bytes:
        fields = (
            f"{name}: {value}\r\n" for name, value in self.headers.items() if name != REQUEST_ID
        )
        return "".join(fields).encode("ascii")

    def _plain_response(self) -> web.Response:
        head, body = self._prebuilt.head, self._prebuilt.body
        plain = web.Response(status=head.status, body=body, headers=head.headers)
        plain.headers.extend(self.headers)
        if super().keep_alive is False:
            plain.force_close()
        return plain


@lru_cache(1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode("ascii")
