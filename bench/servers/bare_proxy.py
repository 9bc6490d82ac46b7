"""The plainest proxy aiohttp can be: ask the provider, hand its status and body on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web

from bench.servers.running import listening, parser, run


class Proxy:
    """Reads nothing, checks nothing."""

    def __init__(self, session: ClientSession, upstream: str) -> None:
        self._session = session
        self._upstream = f"{upstream}/api/v1"

    async def rental(self, request: web.Request) -> web.Response:
        body = f'{{"id":{request.match_info["rental_id"]}}}'.encode()
        return await self._ask(request, "rental-status", body)

    async def rent(self, request: web.Request) -> web.Response:
        return await self._ask(request, "rent-a-number", await request.read())

    async def _ask(self, request: web.Request, call: str, body: bytes) -> web.Response:
        url = f"{self._upstream}/{call}"
        headers = {"Auth": request.headers["X-API-Key"], "Content-Type": "application/json"}
        async with self._session.post(url, data=body, headers=headers) as answer:
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                content_type="application/json",
            )


def main() -> None:
    arguments = parser()
    arguments.add_argument("--upstream", required=True)
    given = arguments.parse_args()

    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        async with ClientSession() as session:
            app = web.Application()
            proxy = Proxy(session, given.upstream)
            app.router.add_get("/v1/rentals/{rental_id}", proxy.rental)
            app.router.add_post("/v1/rentals", proxy.rent)
            async with listening(app, given.port):
                yield

    run(opened)


if __name__ == "__main__":
    main()
