"""What the server listens on: addresses and a port, or a Unix socket."""

import asyncio
import os
import socket
import stat
from contextlib import suppress

from aiohttp import web

UNIX = "unix:"
_EVERYWHERE = "::"
_MODE = 0o660  # the group's, too: that of the proxy before the gateway


class CannotListen(Exception):
    """The Unix socket cannot be listened on; the message says why."""


def site(runner: web.AppRunner, host: str, port: int, backlog: int) -> web.BaseSite:
    """Where the runner will listen; `host` may be `unix:` and the path of a socket."""
    if host.startswith(UNIX):
        return _UnixSite(runner, host.removeprefix(UNIX), backlog)
    if host != _EVERYWHERE or not socket.has_dualstack_ipv6():
        return web.TCPSite(runner, host, port, backlog=backlog)
    # The event loop would take this for every address of IPv6 only.
    both = socket.create_server(
        (host, port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True
    )
    return web.SockSite(runner, both, backlog=backlog)


def url(runner: web.AppRunner, host: str) -> str:
    """The address at which the runner listens, to be shown."""
    if host.startswith(UNIX):
        return host
    port = runner.addresses[0][1]
    return f"http://{bracketed(host)}:{port}"


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host.replace('%', '%25')}]" if ":" in host else host


class _UnixSite(web.BaseSite):
    """A Unix socket, in place of one that a dead process has left; gone when it stops."""

    def __init__(self, runner: web.AppRunner, path: str, backlog: int) -> None:
        super().__init__(runner, backlog=backlog)
        self._path = path
        self._made: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        return UNIX + self._path

    async def start(self) -> None:
        """Listen. Raises CannotListen."""
        await super().start()
        server = self._runner.server
        assert server is not None  # noqa: S101 - the runner is set up
        try:
            made = self._bound()
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise CannotListen(f"The socket {self._path} cannot be listened on: {why}.") from None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(server, sock=made, backlog=self._backlog)

    async def stop(self) -> None:
        """Take no more connections, and remove the socket where it is still this one's."""
        if self._made is not None and _identity(self._path) == self._made:
            with suppress(OSError):
                os.unlink(self._path)
        await super().stop()

    def _bound(self) -> socket.socket:
        """The socket, bound. Nobody can connect before it is listened on, so its mode holds."""
        _make_room(self._path)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.bind(self._path)
            self._made = _identity(self._path)
            os.chmod(self._path, _MODE)
        except OSError:
            made.close()
            raise
        return made


def _make_room(path: str) -> None:
    """Remove the socket of a dead process. Raises CannotListen for any other file."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise CannotListen(f"{path} is a file that is no socket. Choose another --host.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.setblocking(False)
        try:
            caller.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:  # somebody listens, and has much to do
            pass
    raise CannotListen(f"The socket {path} is in use by another process. Choose another --host.")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
