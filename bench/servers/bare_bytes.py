"""The plainest handler aiohttp can have: the gateway's own bytes, fetched once at the start."""

import urllib.request
from urllib.parse import urlsplit

from aiohttp import web
from multidict import CIMultiDict

from bench.servers.running import listening, parser, run

_OF_THE_CONTENT = ("Cache-Control", "Content-Encoding", "Content-Type", "ETag", "Vary")
_OF_NOTHING_NEW = ("Cache-Control", "ETag", "Vary")


class Bytes:
    """Looks at nothing, answers always the same."""

    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        self._body = body
        self._headers = _only(headers, _OF_THE_CONTENT)
        self._unchanged = _only(headers, _OF_NOTHING_NEW)

    async def whole(self, request: web.Request) -> web.Response:
        return web.Response(body=self._body, headers=self._headers)

    async def unchanged(self, request: web.Request) -> web.Response:
        return web.Response(status=304, headers=self._unchanged)


def _only(headers: dict[str, str], names: tuple[str, ...]) -> CIMultiDict[str]:
    return CIMultiDict({name: headers[name] for name in names if name in headers})


def main() -> None:
    arguments = parser()
    arguments.add_argument("--like", required=True, help="the address whose answer is copied")
    arguments.add_argument("--key", required=True)
    given = arguments.parse_args()
    asked = urllib.request.Request(given.like)
    asked.add_header("X-API-Key", given.key)
    asked.add_header("Accept-Encoding", "gzip")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        content = Bytes(answer.read(), dict(answer.headers))

    app = web.Application()
    app.router.add_get(urlsplit(given.like).path, content.whole)
    app.router.add_get("/unchanged", content.unchanged)
    run(lambda: listening(app, given.port))


if __name__ == "__main__":
    main()
