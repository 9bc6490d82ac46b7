"""Runs a server until it ends, for the commands that listen on a port."""

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import click

_NOT_LISTENING = {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def run_server(main: Coroutine[Any, Any, None], host: str, port: int) -> None:
    """Run it to its end, on uvloop where that is installed: it is the faster loop.

    Raises ClickException where nothing can listen there.
    """
    from gateway.http.serving.listening import CannotListen

    loops: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):
        from uvloop import new_event_loop as loops
    try:
        with asyncio.Runner(loop_factory=loops) as runner:
            runner.run(main)
    except CannotListen as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        if not (isinstance(error, socket.gaierror) or error.errno in _NOT_LISTENING):
            raise
        reason = "is in use" if error.errno == errno.EADDRINUSE else "cannot be listened on"
        raise click.ClickException(
            f"Port {port} of {host} {reason}. Choose another --port or --host."
        ) from None
