"""The Power Platform connector's definition: the gateway's Swagger document, for any gateway."""

import json
from typing import Any

from gateway.http.documents.dialects import DIALECTS, with_server
from gateway.http.documents.openapi import document

Json = dict[str, Any]
# The policy `dynamichosturl` of apiProperties.json puts the connection's address in its place.
PLACEHOLDER = "https://gateway.example.com"
_STAFF_ONLY = "x-ms-visibility"


def files() -> dict[str, str]:
    """The files by their path in the kit."""
    text = json.dumps(definition(), indent=2, ensure_ascii=False) + "\n"
    return {"apiDefinition.swagger.json": text}


def definition() -> Json:
    """The document as the connector takes it: the key is a parameter of the connection.

    What no flow can use is left out, and a purchase shows its request id before all else: a flow
    that repeats a step without one buys twice.
    """
    made = with_server(DIALECTS["2.0"](document(whole=True)), PLACEHOLDER)
    kept = {
        path: {
            method: _with_request_id_shown(one)
            for method, one in item.items()
            if one.get(_STAFF_ONLY) != "internal"
        }
        for path, item in made["paths"].items()
    }
    made["paths"] = {path: item for path, item in kept.items() if item}
    return made


def _with_request_id_shown(operation: Json) -> Json:
    made: Json = json.loads(json.dumps(operation))
    for parameter in made.get("parameters", ()):
        fields = parameter.get("schema", {}).get("properties", {})
        if "request_id" in fields:
            fields["request_id"]["x-ms-visibility"] = "important"
    return made
