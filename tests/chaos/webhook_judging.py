"""Which promises to webhooks a run broke."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.history import History, Hook


def events_lost(history: History) -> Iterator[str]:
    """An event that a webhook should have got, and did not: not by the gateway's own tries."""
    for hook in history.hooks:
        received = {event for event, _ in hook.received}
        for event, row in hook.told.items():
            if not _fits(hook, row):
                continue
            if event not in received:
                yield f"{event} ({row['type']}) never reached {hook.name}"
            elif event not in hook.queued:
                yield f"{event} ({row['type']}) was never queued for {hook.name}"
            elif hook.queued[event] == "failed":
                yield f"{event} ({row['type']}) was given up for {hook.name}"


def events_wrong(history: History) -> Iterator[str]:
    """A delivery that a webhook must not get, or that says other than the list, or than before."""
    for hook in history.hooks:
        bodies: dict[str, str] = {}
        for event, body in hook.received:
            row = hook.told.get(event)
            if row is None or not _fits(hook, row):
                yield f"{event} reached {hook.name}, which it is not for"
            elif json.loads(body) != row:
                yield f"{event} reached {hook.name} other than it is listed"
            elif bodies.setdefault(event, body) != body:
                yield f"{event} reached {hook.name} in several forms"


def _fits(hook: Hook, row: Mapping[str, Any]) -> bool:
    if row["type"] not in hook.types:
        return False
    return hook.service is None or (row["data"] or {}).get("service_code") == hook.service
