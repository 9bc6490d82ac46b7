"""The requests of the collections: each operation with its example, in an order that runs.

The first rental waits for its code and is completed; the number of another is replaced and
cancelled. A name in `{{…}}` is a variable of both Postman and Bruno.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import BY_NAME, CATALOG
from gateway.core.operations.operation import AnyOperation
from gateway.http.documents.examples import EXAMPLES
from gateway.http.documents.swagger20 import title

NAME = "Getatext Gateway"
BASE_URL = "http://127.0.0.1:8080"
# What is read of an answer, for the requests after it.
KEPT = {
    "rent_number": "rentalId",
    "replace_rental": "replacementId",
    "create_long_rental": "longRentalId",
    "create_webhook": "webhookId",
    "create_key": "keyId",
}
PATH_VARIABLES = {
    "rental_id": "rentalId",
    "long_rental_id": "longRentalId",
    "webhook_id": "webhookId",
    "key_id": "keyId",
}
# Where the example would not do: the address is the user's, the event one of another database.
INPUTS: Mapping[str, Mapping[str, Any]] = {
    "wait_for_code": {"wait_seconds": 25},
    "create_webhook": {"url": "{{webhookUrl}}", "events": ["rental.code_received"]},
    "redeliver_webhook": {"since": "{{since}}"},
    "create_key": {"name": "{{requestId}}", "budget_day": "5.00"},
    "list_audit_log": {"subject": "{{keyId}}"},
}
FOLDERS = {
    "account": "Prices and balance",
    "rentals": "Rentals",
    "long_rentals": "Long rentals",
    "events": "Events",
    "webhooks": "Webhooks",
    "keys": "Keys",
}
# The number that is replaced and cancelled: one whose code came first could not be.
ANOTHER = {"service_code": "telegram", "max_price": "3.00"}
# Those of a folder that run first, in this order; the others follow as in the catalog.
FIRST = ("rent_number", "get_rental", "wait_for_code", "complete_rental", "rent_again")
LAST = ("another", "replace_rental", "cancel_rental", "list_rentals", "cancel_long_rental")
LAST_WEBHOOK, LAST_KEY = ("delete_webhook",), ("revoke_key", "list_audit_log")


@dataclass(frozen=True)
class Request:
    """One request of a collection; `keeps` is the variable that takes the id of the answer."""

    name: str
    folder: str
    description: str
    method: str
    path: str
    status: int
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    keeps: str | None = None

    @property
    def text(self) -> str | None:
        """The body as JSON."""
        return None if self.body is None else json.dumps(self.body, indent=2)


def requests() -> list[Request]:
    """All requests, by folder, in the order in which they run."""
    made = {op.name: _request(op) for op in CATALOG}
    made["another"] = replace(
        made["rent_number"],
        name="Rent another number",
        body={**ANOTHER, "request_id": "{{requestId}}-another"},
        keeps="anotherId",
    )
    for name, variable in (("replace_rental", "anotherId"), ("cancel_rental", "replacementId")):
        made[name] = replace(made[name], path=made[name].path.replace("rentalId", variable))
    ordered = sorted(made, key=_place)
    return [made[name] for folder in FOLDERS for name in ordered if _folder(name) == folder]


def _folder(name: str) -> str:
    return "rentals" if name == "another" else BY_NAME[name].toolset


def _place(name: str) -> int:
    if name in FIRST:
        return FIRST.index(name)
    last = (*LAST, *LAST_WEBHOOK, *LAST_KEY)
    return 100 + last.index(name) if name in last else 50


def _request(op: AnyOperation) -> Request:
    path = op.rest.path
    for name in op.rest.path_fields:
        path = path.replace(f"{{{name}}}", f"{{{{{PATH_VARIABLES[name]}}}}}")
    asked = dict(_inputs(op))
    posted = op.rest.method == "POST" and bool(
        op.takes.model_fields.keys() - set(op.rest.path_fields)
    )
    return Request(
        name=title(op.name).capitalize().replace("Sms", "SMS"),
        folder=op.toolset,
        description=op.description,
        method=op.rest.method,
        path=path,
        status=op.rest.success,
        query={} if posted else {name: str(value) for name, value in asked.items()},
        body=asked if posted else None,
        keeps=KEPT.get(op.name),
    )


def _inputs(op: AnyOperation) -> Iterator[tuple[str, Any]]:
    asked = INPUTS.get(op.name) or EXAMPLES[op.name].asked
    yield from ((name, value) for name, value in asked.items() if name not in op.rest.path_fields)
    if op.effect is Effect.SPEND and "request_id" in op.takes.model_fields:
        yield "request_id", f"{{{{requestId}}}}-{op.name}"
