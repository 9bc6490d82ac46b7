"""Derives the Swagger 2.0 document, with Microsoft's extensions, for Power Automate and others."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from gateway.core.operations.webhooks import DELETE_WEBHOOK
from gateway.http.documents.schemas import with_schemas_rewritten
from gateway.http.wire.problems import PROBLEM_JSON

Json = dict[str, Any]
_JSON = "application/json"
_ENDLESS = "text/event-stream"
_WORDS = {"id": "ID", "sms": "SMS", "ttl": "TTL", "url": "URL"}
# A maker of a flow picks the service by its name.
_CHOICES = {
    "service_code": {
        "operationId": "list_prices",
        "parameters": {"limit": 1000},
        "value-collection": "data",
        "value-path": "service_code",
        "value-title": "service_name",
    }
}


def convert(document: Json) -> Json:
    """The 3.0.3 document as 2.0."""
    parts = document["components"]
    headers = {name: _header(header) for name, header in parts["headers"].items()}
    paths = {path: _item(item, headers) for path, item in document["paths"].items()}
    shared = {name: _response(one, headers) for name, one in parts["responses"].items()}
    made: Json = with_schemas_rewritten(
        {"paths": paths, "responses": shared, "schemas": parts["schemas"]}, _schema
    )
    whole = {
        "swagger": "2.0",
        "info": document["info"],
        **address(document["servers"][0]["url"]),
        "consumes": [_JSON],
        "produces": [_JSON, PROBLEM_JSON],
        "security": document["security"],
        "securityDefinitions": parts["securitySchemes"],
        "tags": document["tags"],
        "paths": made["paths"],
        "responses": made["responses"],
        "definitions": {name: _titled(schema) for name, schema in made["schemas"].items()},
    }
    moved: Json = json.loads(
        json.dumps(whole)
        .replace('"#/components/schemas/', '"#/definitions/')
        .replace('"#/components/responses/', '"#/responses/')
    )
    return moved


def address(server: str) -> Json:
    """Where the gateway is reached.

    A host in brackets (IPv6) has no form in 2.0; left out, it is the one that served the document.
    """
    url = urlsplit(server)
    host = {} if "[" in url.netloc else {"host": url.netloc}
    return {**host, "basePath": url.path or "/", "schemes": [url.scheme]}


def _item(item: Json, headers: Json) -> Json:
    made: Json = {method: _operation(one, headers) for method, one in item.items()}
    for operation in item.values():
        for _, sent in _callbacks(operation):
            made["x-ms-notification-content"] = {"schema": sent["schema"]}
    return made


def _operation(operation: Json, headers: Json) -> Json:
    made: Json = {}
    produced = {kind for one in operation["responses"].values() for kind in one.get("content", ())}
    if _ENDLESS in produced:  # nothing that a flow can use
        made = {"x-ms-visibility": "internal", "produces": [_ENDLESS, PROBLEM_JSON]}
    elif operation["operationId"] == DELETE_WEBHOOK.name:
        # The platform calls what Location names when a flow is switched off.
        made = {"x-ms-visibility": "internal"}
    called = [url for url, _ in _callbacks(operation)]
    if called:
        made["x-ms-trigger"] = "single"
    for name, value in operation.items():
        if name not in {"parameters", "requestBody", "responses", "callbacks"}:
            made[name] = value
    parameters = [_parameter(parameter) for parameter in operation.get("parameters", ())]
    if "requestBody" in operation:
        parameters.append(_body(operation["requestBody"], called))
    if parameters:
        made["parameters"] = parameters
    responses = operation["responses"].items()
    made["responses"] = {status: _response(response, headers) for status, response in responses}
    return made


def _callbacks(operation: Json) -> Iterator[tuple[str, Json]]:
    """The inputs whose addresses the gateway calls, each with what it sends there."""
    for callback in operation.get("callbacks", {}).values():
        for expression, item in callback.items():  # {$request.body#/url}
            name = expression.rstrip("}").rpartition("/")[2]
            yield name, item["post"]["requestBody"]["content"][_JSON]


def _parameter(parameter: Json) -> Json:
    made = {name: value for name, value in parameter.items() if name not in {"schema", "example"}}
    made |= _schema(parameter["schema"])
    example = parameter.get("example", made.pop("example", None))
    if example is not None:
        made["x-example"] = example
    return made | _for_makers(parameter["name"], needed=parameter["required"])


def _body(body: Json, called: list[str]) -> Json:
    media = body["content"][_JSON]
    schema = dict(media["schema"])
    needed = schema.get("required", ())
    schema["properties"] = {
        name: field | _for_makers(name, needed=name in needed)
        for name, field in schema["properties"].items()
    }
    for name in called:  # the platform fills it in
        filled = {"x-ms-notification-url": True, "x-ms-visibility": "internal"}
        schema["properties"][name] |= filled
    if "example" in media:
        schema["example"] = media["example"]
    return {"name": "body", "in": "body", "required": body["required"], "schema": schema}


def _for_makers(name: str, *, needed: bool) -> Json:
    """What the maker of a flow sees of an input."""
    made: Json = {
        "x-ms-summary": title(name),
        "x-ms-visibility": "important" if needed else "advanced",
    }
    if name in _CHOICES:
        made["x-ms-dynamic-values"] = _CHOICES[name]
    return made


def _response(response: Json, headers: Json) -> Json:
    if "$ref" in response:
        return response
    made: Json = {"description": response["description"]}
    for kind, media in response.get("content", {}).items():
        made["schema"] = media["schema"]
        if "example" in media:
            made["examples"] = {kind: media["example"]}
    if "headers" in response:
        made["headers"] = {name: headers[name] for name in response["headers"]}
    return made


def _header(header: Json) -> Json:
    return {**header["schema"], "description": header["description"]}


def _schema(schema: Json) -> Json:
    """One schema, those in it being done."""
    made = dict(schema)
    if made.pop("nullable", False):
        made["x-nullable"] = True
    if "enum" in made:
        made["enum"] = [value for value in made["enum"] if value is not None]
    return made


def _titled(schema: Json) -> Json:
    """A schema whose fields have names for people."""
    if "properties" not in schema:
        return schema
    fields = {
        name: field if "$ref" in field else _titled(field) | {"x-ms-summary": title(name)}
        for name, field in schema["properties"].items()
    }
    return {**schema, "properties": fields}


def title(name: str) -> str:
    """A name of ours for people, as "Service Code" of service_code."""
    return " ".join(_WORDS.get(word, word.capitalize()) for word in name.split("_"))
