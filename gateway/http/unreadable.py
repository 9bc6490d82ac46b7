"""Answers requests that the server library cannot read: without quoting them, keys included."""

from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.http.edge import Edge
from gateway.http.sms_activate.face import PATH
from gateway.http.sms_activate.tokens import BAD_ACTION

_TEXT = {"Content-Type": "text/plain"}
_WORDS = "The request could not be read as HTTP."


class _Protocol(RequestHandler):
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The library's answer in our words, and never as a page.

        Of a line that is too long its message tells the beginning, which says who asked.
        """
        answer = super().handle_error(request, status, exc, message)
        if message is not None and PATH in message:
            status, words = 200, BAD_ACTION
        else:
            status, words = answer.status, _WORDS
        plain = web.Response(status=status, body=words.encode(), headers=_TEXT)
        plain.force_close()
        return plain


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
