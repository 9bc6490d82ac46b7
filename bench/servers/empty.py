"""The web framework's own price: an empty answer, from an application's route or without one."""

from contextlib import AbstractAsyncContextManager

from aiohttp import web

from bench.servers.running import listening, listening_without_app, parser, run


async def empty(request: web.BaseRequest) -> web.Response:
    return web.Response()


def main() -> None:
    arguments = parser()
    arguments.add_argument("--path", help="the only route; without it there is no application")
    given = arguments.parse_args()

    def opened() -> AbstractAsyncContextManager[None]:
        if not given.path:
            return listening_without_app(empty, given.port)
        app = web.Application()
        app.router.add_get(given.path, empty)
        return listening(app, given.port)

    run(opened)


if __name__ == "__main__":
    main()
