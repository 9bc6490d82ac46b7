"""What a line of the access log says of a request."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from gateway.core.model.callers import SHORT_ID
from gateway.core.operations.call import CallNote
from gateway.http.wire.addresses import Proxy, sender
from gateway.http.wire.auth import CALLER


def who_and_what(request: web.Request, note: CallNote, proxies: Sequence[Proxy]) -> dict[str, Any]:
    """The client's address, as the `proxies` tell it, the key's name, and what it came to."""
    told: dict[str, Any] = {}
    # Where a trusted proxy itself asks, or tells no address, that of the connection.
    client = (sender(request, proxies) if proxies else None) or request.remote
    if client:
        told["client"] = str(client).removeprefix("::ffff:")  # IPv4, where IPv6 takes both
    caller = note.caller or request.get(CALLER)
    if caller is not None:
        if caller.key_name is None:
            told["account"] = caller.account.id[:SHORT_ID]
        else:
            told["key_name"] = caller.key_name
    if note.operation:
        told["operation"] = note.operation
        told |= note.about
    return told
