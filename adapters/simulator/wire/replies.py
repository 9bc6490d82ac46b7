"""Answers, and the faults that spoil them on the socket."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from adapters.simulator.provider.config import LimitedBody, Limits
from adapters.simulator.provider.faults import Fault, FaultKind

JSON = "application/json"
HTML = "text/html"
TEXT = "text/plain"

DAMAGING = (FaultKind.SLOW, FaultKind.TRUNCATED, FaultKind.CUT_JSON)
"""Faults that send the right answer, late or in part."""


@dataclass(frozen=True, slots=True)
class OutgoingReply:
    """An answer that is ready to be sent."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        """The answer as an aiohttp response."""
        return web.Response(
            status=self.status,
            body=self.body,
            content_type=self.content_type,
            headers=self.headers,
        )


def page(status: int, words: str) -> OutgoingReply:
    """The HTML page of a proxy, with this text as title and body."""
    html = f"<!DOCTYPE html><html><head><title>{words}</title></head><body>{words}</body></html>\n"
    return OutgoingReply(status, html.encode(), HTML)


def too_many(limits: Limits) -> OutgoingReply:
    """A 429 with the configured body and Retry-After."""
    reply = OutgoingReply(429, b'{"errors":"Too many requests"}')
    if limits.body is LimitedBody.HTML:
        reply = page(429, "429 Too Many Requests")
    if limits.retry_after is None:
        return reply
    headers = {"Retry-After": str(limits.retry_after)}
    return OutgoingReply(reply.status, reply.body, reply.content_type, headers)


class FaultInjector:
    """Applies faults to requests. `release` ends the hanging and the slow ones."""

    def __init__(self) -> None:
        self._released = asyncio.Event()

    def release(self) -> None:
        """Closes hanging connections and sends slow answers now."""
        self._released.set()
        self._released = asyncio.Event()

    async def apply(
        self, request: web.Request, fault: Fault, work: Callable[[], OutgoingReply], limits: Limits
    ) -> web.StreamResponse:
        """Answers a request with the fault; `work` carries out the request."""
        if fault.kind in DAMAGING:
            return await self._damaged(request, fault, work())
        if fault.does_work:
            work()
        match fault.kind:
            case FaultKind.HANG:
                await self._released.wait()
                return _dropped(request)
            case FaultKind.RATE_LIMITED:
                return too_many(limits).response()
            case FaultKind.STATUS | FaultKind.HTML:
                return _scripted(fault).response()
            case _:
                return _dropped(request)

    async def _damaged(
        self, request: web.Request, fault: Fault, reply: OutgoingReply
    ) -> web.StreamResponse:
        half = reply.body[: len(reply.body) // 2]
        if fault.kind is FaultKind.CUT_JSON:
            return OutgoingReply(reply.status, half, reply.content_type, reply.headers).response()
        if fault.kind is FaultKind.TRUNCATED:
            return await _break_off(request, reply, half)
        await self._wait(fault.seconds)
        return reply.response()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._released.wait()
        except TimeoutError:
            return


def _scripted(fault: Fault) -> OutgoingReply:
    if fault.kind is FaultKind.HTML and not fault.body:
        return page(fault.status, "502 Bad Gateway")
    looks_like = {"{": JSON, "[": JSON, "<": HTML}.get(fault.body[:1], TEXT)
    content_type = fault.content_type or looks_like
    return OutgoingReply(fault.status, fault.body.encode(), content_type, fault.headers)


def _dropped(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _break_off(request: web.Request, reply: OutgoingReply, part: bytes) -> web.StreamResponse:
    length = {"Content-Length": str(len(reply.body)), "Content-Type": reply.content_type}
    response = web.StreamResponse(status=reply.status, headers=length)
    await response.prepare(request)
    await response.write(part)
    if request.transport is not None:
        request.transport.close()
    return response
