"""The operation that lists events."""

from gateway.core.model.events import EventList, ListEvents, event_id
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation, Rest


async def _list_events(context: Context, asked: ListEvents) -> EventList:
    found = await context.services.events.page(
        context.view,
        type=asked.only,
        rental_id=asked.rental_id,
        after=asked.after_id,
        before=asked.cursor,
        limit=asked.limit + 1,
    )
    page = list(found[: asked.limit])
    further = event_id(page[-1].id) if len(found) > len(page) else None
    return EventList(data=page, next_cursor=further)


LIST_EVENTS = Operation(
    name="list_events",
    summary="List what happened, newest first",
    description=(
        "Answers from the gateway's own records: what happened to the rentals of this key, or of "
        "all its account; and alarms. Made for polling: none is skipped. What came before a lost "
        "purchase was settled is told again then. To hear of it as it comes: /v1/events/stream."
    ),
    takes=ListEvents,
    gives=EventList,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/events"),
    run=_list_events,
    toolset="events",
    tool=False,
)

OPERATIONS = (LIST_EVENTS,)
