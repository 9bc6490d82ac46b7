"""A proxy that serves a gateway below a path of its own, and takes that path off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientSession, DummyCookieJar, web
from multidict import CIMultiDict
from yarl import URL

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host"}


@dataclass
class Stripping:
    """Where callers find it, and the gateway behind it, to be set before they come."""

    path: str
    session: ClientSession
    url: str = ""
    target: str = ""

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        url = URL(self.target + request.raw_path.removeprefix(self.path), encoded=True)
        headers = _kept(request.headers)
        headers["X-Forwarded-For"] = request.remote or ""
        body = await request.read() or None
        async with self.session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            response = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
            await response.prepare(request)
            async for part in answer.content.iter_any():
                await response.write(part)
            await response.write_eof()
        return response

    async def complete(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=301, headers={"Location": f"{self.path}/"})


@asynccontextmanager
async def stripping(path: str) -> AsyncIterator[Stripping]:
    """The proxy on a free port, as nginx is with `location PATH/ { proxy_pass TARGET/; }`."""
    async with ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as session:
        proxy, app = Stripping(path, session), web.Application()
        app.router.add_route("*", path, proxy.complete)
        app.router.add_route("*", path + "/{rest:.*}", proxy.pass_on)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
            yield proxy
        finally:
            await runner.cleanup()


def _kept(headers: Mapping[str, str]) -> CIMultiDict[str]:
    kept = [(name, headers[name]) for name in headers if name.lower() not in _HOP_BY_HOP]
    return CIMultiDict(kept)
