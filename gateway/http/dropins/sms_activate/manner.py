"""How a request is answered: in which dialect's words, and whether its HTTP status tells."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from gateway.http.dropins.common import canonical_path
from gateway.http.dropins.sms_activate.dialects.daisysms import DAISYSMS
from gateway.http.dropins.sms_activate.dialects.dialect import SMS_ACTIVATE, Dialect, Purpose
from gateway.http.dropins.sms_activate.set_status import CANCEL_STATUSES, FINISH_STATUS
from gateway.http.wire.forms import Parameters

DIALECTS: Mapping[str, Dialect] = {each.path: each for each in (SMS_ACTIVATE, DAISYSMS)}
"""Each dialect by its path."""
PURCHASES = ("getnumber", "getnumberv2", "getextraactivation", "reactivate")
"""The actions that cost money, in lower case."""
TOLD_BY_STATUS = {"finishactivation": Purpose.FINISH, "cancelactivation": Purpose.CANCEL}
"""The actions whose clients take HTTP 200 for success, whatever the token."""
_STATUS_READS = ("getstatus", "getcode")


@dataclass(frozen=True, slots=True)
class Manner:
    """How a request is answered. `by_status`: a refusal is HTTP 400, else it is 200."""

    dialect: Dialect
    purpose: Purpose | None = None
    by_status: bool = False


MANNER = web.RequestKey("manner", Manner)
"""The manner of a request whose parameters were read."""


def manner_of(request: web.Request, name: str, parameters: Parameters) -> Manner:
    """The manner for an action; a purchase as a site's own tools make it has that site's words.

    `name`: of the action, in lower case.
    """
    dialect = _dialect(request)
    if name in PURCHASES:
        if dialect is SMS_ACTIVATE:
            others = DIALECTS.values()
            own = (each for each in others if not parameters.names.isdisjoint(each.own_parameters))
            dialect = next(own, dialect)
        return Manner(dialect, Purpose.PURCHASE)
    if name == "setstatus":
        status = parameters.get("status")
        if status in CANCEL_STATUSES:
            return Manner(dialect, Purpose.CANCEL)
        return Manner(dialect, Purpose.FINISH if status == FINISH_STATUS else None)
    if name in _STATUS_READS:
        return Manner(dialect, Purpose.STATUS)
    purpose = TOLD_BY_STATUS.get(name)
    return Manner(dialect, purpose, by_status=purpose is not None)


def manner_of_query(request: web.Request) -> Manner:
    """The manner where the parameters were not, or could not be, read.

    Where the query names no action, a form that was not read may hold any.
    """
    query = request.query.items()
    actions = {value.strip().lower() for name, value in query if name.strip() == "action"}
    by_status = not actions.isdisjoint(TOLD_BY_STATUS) if actions else request.method == "POST"
    return Manner(_dialect(request), by_status=by_status)


def _dialect(request: web.Request) -> Dialect:
    return DIALECTS[canonical_path(request.path)]
