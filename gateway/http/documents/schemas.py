"""JSON schemas of the values, in the plain form that every importer of OpenAPI understands."""

import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from gateway.core.operations.schemas import NullFreeSchema, PlainSchema

REF = "#/components/schemas/{model}"
Json = dict[str, Any]


class _OutputSchema(PlainSchema):
    """Nullable as `type: [x, "null"]`, never `anyOf`; every field is always there."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        return True

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if "$ref" in inner:
            inner = _cleaned(self.get_schema_from_definitions(inner["$ref"]) or inner)
        if isinstance(inner.get("type"), str):
            inner = {**inner, "type": [inner["type"], "null"]}
            if "enum" in inner:
                inner["enum"] = [*inner["enum"], None]
        return inner


def output_schemas(models: list[type[BaseModel]]) -> dict[str, JsonSchemaValue]:
    """The schemas of everything that is answered, by name."""
    _, whole = models_json_schema(
        [(model, "serialization") for model in models],
        ref_template=REF,
        schema_generator=_OutputSchema,
    )
    schemas: dict[str, JsonSchemaValue] = whole["$defs"]
    return {name: _cleaned(schema) for name, schema in sorted(schemas.items())}


def input_fields(model: type[BaseModel]) -> tuple[dict[str, JsonSchemaValue], list[str]]:
    """The flat inputs of an operation by name, and which of them are required.

    Optional texts may be empty, and have no examples: n8n and others send the example, or nothing
    as "", where their user enters nothing.
    """
    schema = model.model_json_schema(schema_generator=NullFreeSchema)
    definitions, required = schema.get("$defs", {}), schema.get("required", [])
    fields = {}
    for name, field in schema.get("properties", {}).items():
        reference = field.pop("$ref", "").rpartition("/")[2]
        inlined = {**definitions.get(reference, {}), **field} if reference else field
        fields[name] = _cleaned(inlined)
        if name not in required:
            fields[name] = optional(fields[name])
    return fields, required


def optional(schema: JsonSchemaValue) -> JsonSchemaValue:
    """The schema of an input that may be left out, also as an empty text."""
    made = {key: value for key, value in schema.items() if key not in {"examples", "minLength"}}
    pattern = made.get("pattern")
    if pattern is not None and not re.match(pattern, ""):
        made["pattern"] = f"^({pattern[1:-1]})?$"
    return made


def rewritten(schema: Json, rewrite: Callable[[Json], Json]) -> Json:
    """A schema with `rewrite` done to it and to each schema in it, the innermost first."""
    made = dict(schema)
    if "properties" in made:
        fields = made["properties"].items()
        made["properties"] = {name: rewritten(field, rewrite) for name, field in fields}
    for keyword in ("items", "additionalProperties"):
        if isinstance(made.get(keyword), dict):
            made[keyword] = rewritten(made[keyword], rewrite)
    return rewrite(made)


def with_schemas_rewritten(node: Any, rewrite: Callable[[Json], Json]) -> Any:
    """A part of a document with each schema in it rewritten; examples are left as they are."""
    if isinstance(node, list):
        return [with_schemas_rewritten(inner, rewrite) for inner in node]
    if not isinstance(node, dict):
        return node
    made: Json = {}
    for key, inner in node.items():
        if key == "schemas":
            made[key] = {name: rewritten(schema, rewrite) for name, schema in inner.items()}
        elif key == "schema":
            made[key] = rewritten(inner, rewrite)
        elif key == "example":
            made[key] = inner
        else:
            made[key] = with_schemas_rewritten(inner, rewrite)
    return made


def _cleaned(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {key: value for key, value in schema.items() if key != "title"}
