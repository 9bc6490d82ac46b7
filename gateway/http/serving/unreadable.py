"""Answers requests that the server library cannot read: without quoting them, keys included."""

from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.http.dropins.common import spelt_usually
from gateway.http.dropins.getatext import get_face as handler_api
from gateway.http.dropins.getatext import refusals as getatext_refusals
from gateway.http.dropins.getatext import rest_face as getatext_v1
from gateway.http.dropins.sms_activate import face as sms_activate
from gateway.http.wire.edge import Edge

_TEXT = {"Content-Type": "text/plain"}
_WORDS = "The request could not be read as HTTP."
_METHOD, _TARGET = 12, 80  # as many bytes of each tell whose face was asked


class _Protocol(RequestHandler):
    __slots__ = ("_begun",)

    def data_received(self, data: bytes) -> None:
        """Remember how a request begins: of one that cannot be read nothing else is told."""
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
        """The library's answer in the words of the face that was asked, and never as a page."""
        status = super().handle_error(request, status, exc, message).status
        answer = _refusal(_path(getattr(self, "_begun", b"")), status)
        answer.force_close()
        return answer


def _path(begun: bytes) -> str:
    """The path of a request that begins so, however it is spelt."""
    target = begun.partition(b" ")[2].partition(b" ")[0].partition(b"?")[0]
    return spelt_usually(target.decode("ascii", "replace"))


def _refusal(path: str, status: int) -> web.Response:
    if path == sms_activate.PATH:
        return sms_activate.refuse()
    if path == handler_api.PATH or path.startswith(getatext_v1.PREFIX):
        return getatext_refusals.refuse(status, _WORDS)
    return web.Response(status=status, body=_WORDS.encode(), headers=_TEXT)


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application as the library does, but for its edge and for what it cannot read."""

    def __init__(self, app: web.Application, edge: Edge, **kwargs: Any) -> None:
        """`kwargs` are the library's own."""
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
