"""Points of a purchase at which a gateway can be made to kill itself, as SIGKILL would."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientRequest, TCPConnector, web

from adapters.getatext.provider import Getatext
from adapters.store.tables.ledger import StoredLedger
from gateway.core.operations.rentals import RENT
from gateway.http.wire.prebuilt import PrebuiltResponse


@dataclass(frozen=True, slots=True)
class Point:
    """Before or after a method, where what it is called with is meant."""

    where: type
    method: str
    after: bool = True
    meant: Callable[..., bool] = lambda *_, **__: True


def _is_purchase(request: ClientRequest, *_: object, **__: object) -> bool:
    return request.method == "POST" and request.url.path.endswith("/rent-a-number")


def _is_for_purchase(_: TCPConnector, request: ClientRequest, *__: object, **___: object) -> bool:
    return _is_purchase(request)


def _is_rented(response: web.StreamResponse, *_: object) -> bool:
    return response.status == 201


POINTS = {
    "before the intent is committed": Point(StoredLedger, "begin", after=False),
    "after the intent is committed": Point(StoredLedger, "begin"),
    "after the sent-marker": Point(StoredLedger, "mark_sent"),
    "after connecting": Point(TCPConnector, "connect", meant=_is_for_purchase),
    "after the headers left": Point(ClientRequest, "write_bytes", meant=_is_purchase),
    "after the answer is read": Point(Getatext, "call", meant=lambda _, call, __: call is RENT),
    "after the outcome is committed": Point(StoredLedger, "settle"),
    "after the answer is written": Point(web.Response, "write_eof", meant=_is_rented),
    "before a text is sent": Point(PrebuiltResponse, "write_eof", after=False),
}


def die_at(point: Point) -> None:
    """From now on this process ends at the point."""
    method = getattr(point.where, point.method)

    async def wrapped(*args: Any, **more: Any) -> Any:
        if point.meant(*args, **more) and not point.after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await method(*args, **more)
        if point.meant(*args, **more):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(point.where, point.method, wrapped)
