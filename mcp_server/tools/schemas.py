"""JSON schemas of inputs and results, in the plain form that every agent kit understands.

No references, no titles, no nulls: what is absent is left out, on both ways.
"""

from collections.abc import Set
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from gateway.core.operations.schemas import NullFreeSchema

Json = dict[str, Any]

# The door refuses what does not fit, and says why; a model learns nothing from a pattern.
_NOISE = frozenset({"title", "format", "$defs", "pattern", "minLength", "maxLength"})


class _ResultSchema(NullFreeSchema):
    """Every field is there, except those that can be null."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        inner = field["schema"]
        while "schema" in inner and inner["type"] != "nullable":
            inner = inner["schema"]
        return bool(inner["type"] != "nullable")

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def input_schema(model: type[BaseModel]) -> Json:
    """What a tool takes."""
    return _whole(model.model_json_schema(schema_generator=NullFreeSchema))


def output_schema(model: type[BaseModel], noted: Set[str]) -> Json:
    """What a tool answers. Only the fields in `noted` keep their descriptions."""
    schema = model.model_json_schema(mode="serialization", schema_generator=_ResultSchema)
    return _brief(_whole(schema), noted)  # type: ignore[no-any-return]


def absent(text: str) -> str:
    """The words for a tool: what is null elsewhere is left out here."""
    return text.replace("null", "absent")


def _whole(schema: Json) -> Json:
    definitions = schema.get("$defs", {})
    inlined = _inlined(schema, definitions)
    plain: Json = {
        "type": "object",
        "properties": inlined.get("properties", {}),
        "additionalProperties": False,
    }
    if inlined.get("required"):
        plain["required"] = inlined["required"]
    return plain


def _inlined(part: Any, definitions: Json, *, names: bool = False) -> Any:
    """The schema with every reference written out. `names`: the keys of `part` are fields."""
    if isinstance(part, list):
        return [_inlined(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part and not names:
        target = definitions[part["$ref"].rpartition("/")[2]]
        part = {**target, **{key: value for key, value in part.items() if key != "$ref"}}
    whole = {
        key: _inlined(value, definitions, names=key == "properties" and not names)
        for key, value in part.items()
        if names or key not in _NOISE
    }
    if not names and whole.get("type") == "object":
        whole.pop("description", None)  # a class's docstring: the field says it better
    return whole


def _brief(part: Any, noted: Set[str], name: str = "") -> Any:
    """Only what tells an agent something: a dozen tools with every detail would fill its head."""
    if not isinstance(part, dict):
        return part
    brief = {key: value for key, value in part.items() if key in _TELLING}
    if "description" in part and name in noted:
        brief["description"] = absent(part["description"])
    if "properties" in part:
        brief["properties"] = {
            key: _brief(value, noted, key) for key, value in part["properties"].items()
        }
    if "items" in part:
        brief["items"] = _brief(part["items"], noted)
    return brief


_TELLING = ("type", "enum", "required", "properties", "items", "const")
