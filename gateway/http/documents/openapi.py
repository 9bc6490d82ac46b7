"""Generates the OpenAPI 3.1.0 document from the catalog of operations."""

import json
from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from gateway.core.model.errors import GatewayBusy
from gateway.core.model.problem import Problem
from gateway.core.operations.catalog import CATALOG
from gateway.core.operations.operation import AnyOperation
from gateway.core.operations.rentals import LIST_RENTALS
from gateway.http.documents.answers import HEADERS, headers, problems, responses, share_problems
from gateway.http.documents.callbacks import CALLBACKS
from gateway.http.documents.examples import EVENT, EXAMPLES
from gateway.http.documents.schemas import REF, input_fields, optional, output_schemas
from gateway.http.wire.addresses import DEFAULT_URL

STREAM = "/v1/events/stream"
TAGS = {
    "rentals": "Numbers rented for one SMS code.",
    "long_rentals": "Numbers rented for weeks.",
    "account": "Prices and balance.",
    "events": "What happened to rentals.",
}
"""Those of the document as it is served; operations with another stand in the whole one only."""
ALL_TAGS = {
    **TAGS,
    "webhooks": "Addresses that events are sent to.",
    "keys": "Who may use the gateway, and within which limits.",
}
"""Those of the whole document."""
Json = dict[str, Any]
_LEFT_OUT = [
    *(("Problem", name) for name in ("retry_after", "price_needed", "replaced_by", "upstream")),
    ("Problem", "candidates"),
    ("Candidate", "stock"),
]
_NOTHING = {"string": "", "integer": 0}  # what means that an input is left out


def document(
    server_url: str = DEFAULT_URL,
    operations: Iterable[AnyOperation] = CATALOG,
    *,
    whole: bool = False,
) -> Json:
    """The document; `server_url` is the address at which callers reach the gateway.

    `whole`: with what only operators use.
    """
    chosen = [op for op in operations if whole or op.toolset in TAGS]
    paths = _paths(chosen)
    shared = share_problems(paths)
    tags = ALL_TAGS if whole else TAGS
    return {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": server_url, "description": "This gateway"}],
        "security": [{"key": []}],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "A key of the provider's, or one this gateway made.",
                }
            },
            "headers": dict(HEADERS),
            "responses": shared,
            "schemas": _schemas(chosen, [paths, shared]),
        },
    }


def _info() -> Json:
    return {
        "title": "Getatext Gateway",
        "summary": "Rent US phone numbers and read the SMS codes sent to them",
        "description": (
            "One clean surface in front of Getatext. Money is exact text in USD, times are "
            "RFC 3339 in UTC, numbers are E.164. Every error is application/problem+json "
            "and says whether money moved."
        ),
        "version": version("getatext-gateway"),
        "contact": {"name": "Getatext Gateway contributors"},
        "license": {"name": "MIT", "identifier": "MIT"},
    }


def _paths(operations: list[AnyOperation]) -> Json:
    paths: dict[str, Json] = defaultdict(dict)
    for op in operations:
        paths[op.rest.path][op.rest.method.lower()] = _operation(op)
    paths[STREAM]["get"] = _stream()
    return dict(paths)


def _operation(op: AnyOperation) -> Json:
    entry: Json = {
        "operationId": op.name,
        "summary": op.summary,
        "description": op.description,
        "tags": [op.toolset],
    }
    fields, required = input_fields(op.takes)
    asked = EXAMPLES[op.name].asked if op.name in EXAMPLES else None
    in_path = op.rest.path_fields
    loose = [name for name in fields if name not in in_path]
    parameters = [_parameter(name, fields[name], "path", True) for name in in_path]
    if op.rest.method == "GET":
        parameters += [_parameter(n, fields[n], "query", n in required) for n in loose]
    for parameter in parameters:
        if asked and parameter["required"] and parameter["name"] in asked:
            parameter["example"] = asked[parameter["name"]]
    if parameters:
        entry["parameters"] = parameters
    if op.rest.method == "POST" and loose:
        entry["requestBody"] = _body({n: fields[n] for n in loose}, required, asked)
    if op.name in CALLBACKS:
        entry["callbacks"] = CALLBACKS[op.name]
    if op.rest.method != "GET":
        entry["x-openai-isConsequential"] = True
    entry["responses"] = responses(op)
    return entry


def _parameter(name: str, schema: Json, where: str, required: bool) -> Json:
    schema = dict(schema)
    made: Json = {
        "name": name,
        "in": where,
        "required": required,
        "description": schema.pop("description"),
        "schema": schema,
    }
    if not required and "default" not in schema:
        made["example"] = _NOTHING[schema["type"]]  # else an importer would make up a value
    return made


def _body(fields: Json, required: list[str], asked: Any) -> Json:
    needed = [name for name in fields if name in required]
    schema: Json = {"type": "object", "properties": fields, "additionalProperties": False}
    if needed:
        schema["required"] = needed
    media: Json = {"schema": schema}
    if asked is not None:
        media["example"] = {name: value for name, value in asked.items() if name in fields}
    return {"required": bool(needed), "content": {"application/json": media}}


def _stream() -> Json:
    """The event stream, which is no operation of the catalog."""
    last = optional(
        {
            "description": "Go on after this event, as with the header Last-Event-ID.",
            "type": "string",
            "pattern": "^(evt_)?[0-9]{1,18}$",
        }
    )
    return {
        "operationId": "stream_events",
        "summary": "Listen to what happens to rentals",
        "description": (
            "Server-sent events. The response does not end: read it as it comes, and use "
            "list_events where that cannot be done. The id of a message is the event's number, its "
            "event the type, its data the rental as it stood, or the details of an alarm."
        ),
        "tags": ["events"],
        "parameters": [_parameter("last_event_id", last, "query", False)],
        "responses": {
            "200": {
                "description": "Events as they happen.",
                "headers": headers("X-Request-Id"),
                "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EVENT}},
            },
            **problems((*LIST_RENTALS.errors_besides, GatewayBusy)),
        },
    }


def _schemas(operations: list[AnyOperation], users: Any) -> Json:
    schemas = output_schemas([*dict.fromkeys(op.gives for op in operations), Problem])
    # Problem documents leave out their optional fields where they have no value; none is null.
    for model, name in _LEFT_OUT:
        schemas[model]["required"].remove(name)
        field = schemas[model]["properties"][name]
        if isinstance(field.get("type"), list):
            field["type"] = field["type"][0]
    # Nullable schemas are inlined where they are used, so that their own entry may be unused.
    used = json.dumps([users, schemas])
    return {
        name: schema for name, schema in schemas.items() if f'"{REF.format(model=name)}"' in used
    }
