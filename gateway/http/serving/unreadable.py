"""Answers requests that aiohttp cannot parse, without quoting them: they may hold a key."""

from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.http.dropins.common import canonical_path
from gateway.http.dropins.getatext import get_face, refusals, rest_face
from gateway.http.dropins.sms_activate import face as sms_activate
from gateway.http.wire.edge import Edge

_TEXT = {"Content-Type": "text/plain"}
_WORDS = "The request could not be read as HTTP."
_METHOD, _TARGET = 12, 80  # bytes of a request's beginning that suffice to choose the face


class _Protocol(RequestHandler):
    __slots__ = ("_begun",)

    def data_received(self, data: bytes) -> None:
        """Remember a request's first bytes: of an unreadable one aiohttp passes on nothing else."""
        if b" /" in data[:_METHOD]:
            self._begun = data[:_TARGET]
        super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The library's status in the format of the face that was called, never as an HTML page."""
        status = super().handle_error(request, status, exc, message).status
        answer = _refusal(_path(getattr(self, "_begun", b"")), status)
        answer.force_close()
        return answer


def _path(begun: bytes) -> str:
    """The canonical path in a request's first bytes."""
    target = begun.partition(b" ")[2].partition(b" ")[0].partition(b"?")[0]
    return canonical_path(target.decode("ascii", "replace"))


def _refusal(path: str, status: int) -> web.Response:
    if path == sms_activate.PATH:
        return sms_activate.refuse()
    if path == get_face.PATH or path.startswith(rest_face.PREFIX):
        return refusals.refuse(status, _WORDS)
    return web.Response(status=status, body=_WORDS.encode(), headers=_TEXT)


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """aiohttp's AppRunner with the edge around the application, and our unreadable requests."""

    def __init__(self, app: web.Application, edge: Edge, **kwargs: Any) -> None:
        """`kwargs` are those of AppRunner."""
        super().__init__(app, **kwargs)
        self._edge = edge

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            self._edge.around(made.request_handler, self.app.router),
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            **made._kwargs,
        )
