"""The operations on the gateway's own keys, and the audit log."""

from dataclasses import replace

from gateway.core.auth.key_management import KeyManagement
from gateway.core.model.account import Nothing
from gateway.core.model.audit import AuditLog, ListAuditLog, audit_id
from gateway.core.model.callers import Limits, key_id_of
from gateway.core.model.errors import (
    Forbidden,
    GatewayKeyRequired,
    KeyNameTaken,
    ServiceNotFound,
)
from gateway.core.model.key_inputs import CreateKey, OneKey, RotateKey, UpdateKey
from gateway.core.model.keys import Key, KeyList, KeyWithSecret
from gateway.core.model.provider_errors import UpstreamAuthFailed
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation, Rest
from gateway.core.upstream.calls import PRICES

_PATH = "/v1/keys"
_ONE = f"{_PATH}/{{key_id}}"


def _management(context: Context) -> KeyManagement:
    """What manages keys, for a caller that may do anything on its account.

    So no key can make one that may do more than itself. Raises GatewayKeyRequired for a provider's
    key, and Forbidden for a key with any limit.
    """
    caller, services = context.caller, context.services
    if caller.limits is None:
        raise GatewayKeyRequired
    limited = replace(caller.limits, long_rentals=False) != Limits(admin=True)
    if limited or caller.ancestors or caller.account.id != (services.own or ""):
        raise Forbidden(
            "This key may not manage keys: only an admin key without limits of its own may.",
            advice="Who runs the gateway makes one with `getatext-gateway keys create --admin "
            "--no-budget`.",
        )
    return services.key_management


def _actor(context: Context) -> str:
    return key_id_of(context.caller.id)


def _check_grants(context: Context, *, long_rentals: bool) -> None:
    """Raise Forbidden where a key would grant what it may not do itself."""
    limits = context.caller.limits
    if long_rentals and limits is not None and not limits.long_rentals:
        raise Forbidden(
            "This key was made without long_rentals, so it may not let a key have that.",
            advice="One made with --long-rentals, or who runs the gateway, may.",
        )


async def _codes(context: Context, asked: tuple[str, ...] | None) -> frozenset[str] | None:
    """The services by their codes; as they are given where the price list cannot be read.

    Raises ServiceNotFound.
    """
    if asked is None:
        return None
    try:
        found = [(await context.service(each), each) for each in asked]
    except UpstreamAuthFailed:
        return frozenset(asked)
    return frozenset(given if price is None else price.service_code for price, given in found)


async def _get(context: Context, asked: Nothing) -> Key:
    if context.caller.limits is None:
        raise GatewayKeyRequired
    return await context.services.key_management.one(_actor(context))


async def _list(context: Context, asked: Nothing) -> KeyList:
    return KeyList(data=await _management(context).all())


async def _create(context: Context, asked: CreateKey) -> KeyWithSecret:
    management = _management(context)
    _check_grants(context, long_rentals=asked.long_rentals)
    services = frozenset(asked.services or ()) or None
    if not asked.test:
        services = await _codes(context, asked.services)
    await context.services.recheck(context.caller)  # reading the price list takes its time
    return await management.create(_actor(context), asked, services)


async def _update(context: Context, asked: UpdateKey) -> Key:
    management = _management(context)
    _check_grants(context, long_rentals=asked.long_rentals == "yes")
    services = frozenset(asked.services or ()) or None
    if services is not None and not (await management.one(asked.key_id)).test:
        services = await _codes(context, asked.services)
    await context.services.recheck(context.caller)
    return await management.update(_actor(context), asked, services)


async def _rotate(context: Context, asked: RotateKey) -> KeyWithSecret:
    return await _management(context).rotate(_actor(context), asked)


async def _revoke(context: Context, asked: OneKey) -> Key:
    return await _management(context).revoke(_actor(context), asked.key_id)


async def _list_audit_log(context: Context, asked: ListAuditLog) -> AuditLog:
    _management(context)
    found = await context.services.audit_trail.page(
        subject=asked.subject, before=asked.cursor, limit=asked.limit + 1
    )
    page = list(found[: asked.limit])
    further = audit_id(page[-1].id) if len(found) > len(page) else None
    return AuditLog(data=page, next_cursor=further)


_FOR_OPERATORS = "Only for an admin key that has no limits of its own."

GET_KEY = Operation(
    name="get_key",
    summary="Read what this key may, and what it spent",
    description="Of the gateway key that asks; for any of them.",
    takes=Nothing,
    gives=Key,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/key"),
    run=_get,
    toolset="keys",
    errors=(Forbidden, GatewayKeyRequired),
    tool=False,
)

LIST_KEYS = Operation(
    name="list_keys",
    summary="List the gateway's keys with their limits and spending",
    description=f"Those that have ended, too. Secrets are not told again. {_FOR_OPERATORS}",
    takes=Nothing,
    gives=KeyList,
    effect=Effect.READ,
    rest=Rest("GET", _PATH),
    run=_list,
    toolset="keys",
    errors=(Forbidden, GatewayKeyRequired),
    tool=False,
)

CREATE_KEY = Operation(
    name="create_key",
    summary="Make a key with limits",
    description=(
        "For other people and programs. A key that may buy needs a budget, or no_budget on "
        f"purpose. Its secret is told once. {_FOR_OPERATORS}"
    ),
    takes=CreateKey,
    gives=KeyWithSecret,
    effect=Effect.CHANGE,
    rest=Rest("POST", _PATH, success=201, location=f"{_PATH}/{{value.id}}"),
    run=_create,
    toolset="keys",
    errors=(GatewayKeyRequired, KeyNameTaken, ServiceNotFound),
    calls=(PRICES,),
    tool=False,
)

UPDATE_KEY = Operation(
    name="update_key",
    summary="Change a key's limits or name, or suspend it",
    description=(
        "What is left out stays; clear removes limits. It holds within a second, on every node, "
        f"for what is open too. {_FOR_OPERATORS}"
    ),
    takes=UpdateKey,
    gives=Key,
    effect=Effect.CHANGE,
    rest=Rest("POST", _ONE),
    run=_update,
    toolset="keys",
    errors=(GatewayKeyRequired, KeyNameTaken, ServiceNotFound),
    calls=(PRICES,),
    tool=False,
)

ROTATE_KEY = Operation(
    name="rotate_key",
    summary="Give a key a new secret",
    description=(
        "The one before is accepted for overlap_hours more; one before that ends at once. The new "
        f"one is told once. {_FOR_OPERATORS}"
    ),
    takes=RotateKey,
    gives=KeyWithSecret,
    effect=Effect.CHANGE,
    rest=Rest("POST", f"{_ONE}/rotate"),
    run=_rotate,
    toolset="keys",
    errors=(GatewayKeyRequired,),
    tool=False,
)

REVOKE_KEY = Operation(
    name="revoke_key",
    summary="Revoke a key for good",
    description=(
        "Within a second no node accepts it, and its streams, waits and sessions have ended. What "
        f"it rented is followed to its end. {_FOR_OPERATORS}"
    ),
    takes=OneKey,
    gives=Key,
    effect=Effect.CHANGE,
    rest=Rest("DELETE", _ONE),
    run=_revoke,
    toolset="keys",
    errors=(GatewayKeyRequired,),
    tool=False,
)

LIST_AUDIT_LOG = Operation(
    name="list_audit_log",
    summary="List who changed keys, purchases and webhooks",
    description=f"Newest first; kept as long as purchases. {_FOR_OPERATORS}",
    takes=ListAuditLog,
    gives=AuditLog,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/audit-log"),
    run=_list_audit_log,
    toolset="keys",
    errors=(Forbidden, GatewayKeyRequired),
    tool=False,
)

OPERATIONS = (GET_KEY, LIST_KEYS, CREATE_KEY, UPDATE_KEY, REVOKE_KEY, ROTATE_KEY, LIST_AUDIT_LOG)
