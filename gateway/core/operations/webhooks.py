"""The operations on outgoing webhooks."""

from gateway.core.model.account import Nothing
from gateway.core.model.errors import Forbidden, GatewayKeyRequired
from gateway.core.model.events import event_id
from gateway.core.model.upstream_call import Effect
from gateway.core.model.webhooks import (
    CreatedWebhook,
    CreateWebhook,
    ListWebhookDeliveries,
    OneWebhook,
    Redelivered,
    RedeliverWebhook,
    Webhook,
    WebhookDeliveries,
    Webhooks,
    WebhookTry,
)
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation, Rest
from gateway.core.webhooks.management import WebhookManagement

_PATH = "/v1/webhooks"
_ONE = f"{_PATH}/{{webhook_id}}"


def _management(context: Context) -> WebhookManagement:
    """What manages webhooks. Raises GatewayKeyRequired for a caller with a provider's key."""
    if context.caller.pass_through:
        raise GatewayKeyRequired
    return context.services.webhooks


async def _create(context: Context, asked: CreateWebhook) -> CreatedWebhook:
    caller = context.caller
    return await _management(context).create(caller.account.id, caller.id, asked)


async def _list(context: Context, asked: Nothing) -> Webhooks:
    return Webhooks(data=await _management(context).all(context.view))


async def _delete(context: Context, asked: OneWebhook) -> Webhook:
    management, caller = _management(context), context.caller
    return await management.delete(context.view, caller.id, asked.webhook_id)


async def _test(context: Context, asked: OneWebhook) -> WebhookTry:
    return await _management(context).test(context.view, asked.webhook_id)


async def _deliveries(context: Context, asked: ListWebhookDeliveries) -> WebhookDeliveries:
    found = await _management(context).deliveries(context.view, asked)
    page = list(found[: asked.limit])
    further = event_id(page[-1].event_id) if len(found) > len(page) else None
    return WebhookDeliveries(data=page, next_cursor=further)


async def _redeliver(context: Context, asked: RedeliverWebhook) -> Redelivered:
    return Redelivered(queued=await _management(context).redeliver(context.view, asked))


CREATE_WEBHOOK = Operation(
    name="create_webhook",
    summary="Have events sent to a URL",
    description=(
        "Signed after Standard Webhooks, tried for three days, at least once each: drop ids "
        "(webhook-id) that you have seen. The same url and events again enable a disabled one. It "
        "ends with the key. 20 for a key, 100 for an account."
    ),
    takes=CreateWebhook,
    gives=CreatedWebhook,
    effect=Effect.CHANGE,
    rest=Rest(
        "POST",
        _PATH,
        success=201,
        location=f"{_PATH}/{{value.id}}?token={{value.delete_token}}",
        absolute=True,
    ),
    run=_create,
    toolset="webhooks",
    errors=(GatewayKeyRequired,),
    tool=False,
)

LIST_WEBHOOKS = Operation(
    name="list_webhooks",
    summary="List the webhooks of this key",
    description="An admin key sees all of its account. Secrets are not told again.",
    takes=Nothing,
    gives=Webhooks,
    effect=Effect.READ,
    rest=Rest("GET", _PATH),
    run=_list,
    toolset="webhooks",
    errors=(Forbidden, GatewayKeyRequired),
    tool=False,
)

DELETE_WEBHOOK = Operation(
    name="delete_webhook",
    summary="Delete a webhook",
    description=(
        "Nothing more is sent to it. The URL that create_webhook answers as Location does this "
        "without a key."
    ),
    takes=OneWebhook,
    gives=Webhook,
    effect=Effect.CHANGE,
    rest=Rest("DELETE", _ONE),
    run=_delete,
    toolset="webhooks",
    errors=(GatewayKeyRequired,),
    tool=False,
)

TEST_WEBHOOK = Operation(
    name="test_webhook",
    summary="Send a test to a webhook, once",
    description=(
        "Sends webhook.test, which is no event, to a disabled webhook too, and tells what came of "
        "it. It is not tried again, and does not count as a failure."
    ),
    takes=OneWebhook,
    gives=WebhookTry,
    effect=Effect.CHANGE,
    rest=Rest("POST", f"{_ONE}/test"),
    run=_test,
    toolset="webhooks",
    errors=(GatewayKeyRequired,),
    tool=False,
)

LIST_WEBHOOK_DELIVERIES = Operation(
    name="list_webhook_deliveries",
    summary="List what was sent to a webhook",
    description=(
        "Newest event first: how each stands, how often it was sent, and what the last try came "
        "to. Kept as long as codes are."
    ),
    takes=ListWebhookDeliveries,
    gives=WebhookDeliveries,
    effect=Effect.READ,
    rest=Rest("GET", f"{_ONE}/deliveries"),
    run=_deliveries,
    toolset="webhooks",
    errors=(Forbidden, GatewayKeyRequired),
    tool=False,
)

REDELIVER_WEBHOOK = Operation(
    name="redeliver_webhook",
    summary="Send events to a webhook again",
    description=(
        "One event by its id, delivered or not; or since a time everything that was not delivered, "
        "also what happened while the webhook was disabled."
    ),
    takes=RedeliverWebhook,
    gives=Redelivered,
    effect=Effect.CHANGE,
    rest=Rest("POST", f"{_ONE}/redeliver"),
    run=_redeliver,
    toolset="webhooks",
    errors=(GatewayKeyRequired,),
    tool=False,
)

OPERATIONS = (
    CREATE_WEBHOOK,
    LIST_WEBHOOKS,
    DELETE_WEBHOOK,
    TEST_WEBHOOK,
    LIST_WEBHOOK_DELIVERIES,
    REDELIVER_WEBHOOK,
)
