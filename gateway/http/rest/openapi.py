"""Generates the OpenAPI 3.1.0 document from the catalog of operations."""

import json
from collections import defaultdict
from importlib.metadata import version
from typing import Any

import yaml

from gateway.core.model.problem import Problem
from gateway.core.model.values import Cacheable
from gateway.core.operations.catalog import CATALOG
from gateway.core.operations.operation import AnyOperation
from gateway.http.rest.schemas import REF, input_fields, output_schemas
from gateway.http.wire.problems import PROBLEM_JSON

DEFAULT_SERVER = "http://127.0.0.1:8080"
Json = dict[str, Any]
_TAGS = {
    "rentals": "Numbers rented for one SMS code.",
    "long_rentals": "Numbers rented for weeks.",
    "account": "Prices and balance.",
    "events": "What happened.",
}


def document(server_url: str = DEFAULT_SERVER) -> Json:
    """The whole document; `server_url` is the address at which callers reach the gateway."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Getatext Gateway",
            "summary": "Rent US phone numbers and read the SMS codes sent to them",
            "description": (
                "One clean surface in front of Getatext. Money is exact text in USD, times are "
                "RFC 3339 in UTC, numbers are E.164. Every error is application/problem+json "
                "and says whether money moved."
            ),
            "version": version("getatext-gateway"),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server_url, "description": "This gateway"}],
        "security": [{"key": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-API-Key",
                    "description": "A key of the provider's, or one this gateway made.",
                }
            },
            "schemas": _schemas(),
        },
    }


def to_json(document: Json) -> str:
    """The document as JSON."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def to_yaml(document: Json) -> str:
    """The document as YAML; status codes are quoted, because OpenAPI requires text keys."""
    return yaml.dump(document, Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=96)


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _paths() -> Json:
    paths: dict[str, Json] = defaultdict(dict)
    for op in CATALOG:
        paths[op.rest.path][op.rest.method.lower()] = _operation(op)
    return dict(paths)


def _operation(op: AnyOperation) -> Json:
    entry: Json = {
        "operationId": op.name,
        "summary": op.summary,
        "description": op.description,
        "tags": [op.toolset],
    }
    fields, required = input_fields(op.takes)
    in_path = op.rest.path_fields
    loose = [name for name in fields if name not in in_path]
    parameters = [_parameter(name, fields[name], "path", True) for name in in_path]
    if op.rest.method == "GET":
        parameters += [_parameter(n, fields[n], "query", n in required) for n in loose]
    if parameters:
        entry["parameters"] = parameters
    if op.rest.method == "POST":
        if loose:
            entry["requestBody"] = _body({n: fields[n] for n in loose}, required)
        entry["x-openai-isConsequential"] = True
    entry["responses"] = _responses(op)
    return entry


def _parameter(name: str, schema: Json, where: str, required: bool) -> Json:
    schema = dict(schema)
    description = schema.pop("description")
    return {
        "name": name,
        "in": where,
        "required": required,
        "description": description,
        "schema": schema,
    }


def _body(fields: Json, required: list[str]) -> Json:
    needed = [name for name in fields if name in required]
    schema: Json = {"type": "object", "properties": fields, "additionalProperties": False}
    if needed:
        schema["required"] = needed
    return {"required": bool(needed), "content": {"application/json": {"schema": schema}}}


def _responses(op: AnyOperation) -> Json:
    success: Json = {
        "description": (op.gives.__doc__ or "").strip(),
        "content": {"application/json": {"schema": _reference(op.gives.__name__)}},
    }
    if op.rest.location:
        success["headers"] = {
            "Location": {"description": "Where it can be read.", "schema": {"type": "string"}}
        }
    responses: Json = {str(op.rest.success): success}
    if issubclass(op.gives, Cacheable):
        responses["304"] = {"description": "The caller has these bytes already (If-None-Match)."}
    by_status: dict[int, list[str]] = defaultdict(list)
    for error in op.errors + op.errors_besides:
        by_status[error.http_status].append(error.code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "One of: " + ", ".join(dict.fromkeys(codes)) + ".",
            "content": {PROBLEM_JSON: {"schema": _reference("Problem")}},
        }
    return responses


def _reference(name: str) -> Json:
    return {"$ref": REF.format(model=name)}


def _schemas() -> Json:
    schemas = output_schemas([*dict.fromkeys(op.gives for op in CATALOG), Problem])
    # Problem documents leave out their optional fields where they have no value; none is null.
    for name in ("retry_after", "price_needed", "upstream"):
        schemas["Problem"]["required"].remove(name)
        field = schemas["Problem"]["properties"][name]
        if isinstance(field.get("type"), list):
            field["type"] = field["type"][0]
    # Nullable schemas are inlined where they are used, so that their own entry may be unused.
    used = json.dumps([_paths(), schemas])
    return {
        name: schema for name, schema in schemas.items() if f'"{REF.format(model=name)}"' in used
    }
