"""The web framework's own price: an empty answer, from an application's route or without one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from bench.servers.running import listen, listen_without_app, parser, run


async def empty(request: web.BaseRequest) -> web.Response:
    return web.Response()


def main() -> None:
    arguments = parser()
    arguments.add_argument("--path", help="the only route; without it there is no application")
    given = arguments.parse_args()

    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        if given.path:
            app = web.Application()
            app.router.add_get(given.path, empty)
            runner = await listen(app, given.port)
        else:
            runner = await listen_without_app(empty, given.port)
        try:
            yield
        finally:
            await runner.cleanup()

    run(opened)


if __name__ == "__main__":
    main()
