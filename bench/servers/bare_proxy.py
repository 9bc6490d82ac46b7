"""The plainest proxy aiohttp can be: ask the provider, hand its status and body on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web

from bench.servers.running import listen, parser, run


class Proxy:
    """Reads nothing, checks nothing."""

    def __init__(self, session: ClientSession, upstream: str) -> None:
        self._session = session
        self._url = f"{upstream}/api/v1/rental-status"

    async def rental(self, request: web.Request) -> web.Response:
        body = f'{{"id":{request.match_info["rental_id"]}}}'.encode()
        headers = {"Auth": request.headers["X-API-Key"], "Content-Type": "application/json"}
        async with self._session.post(self._url, data=body, headers=headers) as answer:
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
            app.router.add_get("/v1/rentals/{rental_id}", Proxy(session, given.upstream).rental)
            runner = await listen(app, given.port)
            try:
                yield
            finally:
                await runner.cleanup()

    run(opened)


if __name__ == "__main__":
    main()
