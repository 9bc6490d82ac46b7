"""Sending answers, truly or as a fault wants them."""

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
"""Faults that send the true answer, late or in part."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is sent."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        """As the server library sends it."""
        return web.Response(
            status=self.status,
            body=self.body,
            content_type=self.content_type,
            headers=self.headers,
        )


def page(status: int, words: str) -> Reply:
    """A proxy's page."""
    html = f"<!DOCTYPE html><html><head><title>{words}</title></head><body>{words}</body></html>\n"
    return Reply(status, html.encode(), HTML)


def too_many(limits: Limits) -> Reply:
    """A 429 as the limits say."""
    reply = Reply(429, b'{"errors":"Too many requests"}')
    if limits.body is LimitedBody.HTML:
        reply = page(429, "429 Too Many Requests")
    if limits.retry_after is None:
        return reply
    headers = {"Retry-After": str(limits.retry_after)}
    return Reply(reply.status, reply.body, reply.content_type, headers)


class Misbehaviour:
    """Acts faults out on the socket. Whoever hangs is let go by `release`."""

    def __init__(self) -> None:
        self._released = asyncio.Event()

    def release(self) -> None:
        """Ends every wait: hanging connections close, slow answers go out."""
        self._released.set()
        self._released = asyncio.Event()

    async def act(
        self, request: web.Request, fault: Fault, work: Callable[[], Reply], limits: Limits
    ) -> web.StreamResponse:
        """Answers a request the way the fault wants it; `work` carries the request out."""
        if fault.kind in DAMAGING:
            return await self._damaged(request, fault, work())
        if fault.works:
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

    async def _damaged(self, request: web.Request, fault: Fault, true: Reply) -> web.StreamResponse:
        half = true.body[: len(true.body) // 2]
        if fault.kind is FaultKind.CUT_JSON:
            return Reply(true.status, half, true.content_type, true.headers).response()
        if fault.kind is FaultKind.TRUNCATED:
            return await _broken_off(request, true, half)
        await self._wait(fault.seconds)
        return true.response()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._released.wait()
        except TimeoutError:
            return


def _scripted(fault: Fault) -> Reply:
    if fault.kind is FaultKind.HTML and not fault.body:
        return page(fault.status, "502 Bad Gateway")
    looks_like = {"{": JSON, "[": JSON, "<": HTML}.get(fault.body[:1], TEXT)
    content_type = fault.content_type or looks_like
    return Reply(fault.status, fault.body.encode(), content_type, fault.headers)


def _dropped(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _broken_off(request: web.Request, reply: Reply, part: bytes) -> web.StreamResponse:
    length = {"Content-Length": str(len(reply.body)), "Content-Type": reply.content_type}
    response = web.StreamResponse(status=reply.status, headers=length)
    await response.prepare(request)
    await response.write(part)
    if request.transport is not None:
        request.transport.close()
    return response
