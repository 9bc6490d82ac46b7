"""JSON schemas of tools' inputs and results, in a plain form that every agent kit understands.

They hold no references, titles or nulls: a field without a value is left out, in both directions.
"""

from collections.abc import Set
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from gateway.core.model.values import AMOUNT_PATTERN
from gateway.core.operations.schemas import NullFreeSchema

Json = dict[str, Any]

# The gateway validates inputs and names what is wrong; a model learns nothing from a pattern.
_OMITTED_KEYS = frozenset(
    {"title", "format", "$defs", "pattern", "minLength", "maxLength", "examples"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)
_OF_ANY = frozenset({"codes", "total"})  # what they hold tells by itself what it is
_RESULT_KEYS = ("type", "properties", "items", "const")


class _ResultSchema(NullFreeSchema):
    """Tells no defaults."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def input_schema(model: type[BaseModel]) -> Json:
    """The schema of a tool's arguments. Amounts are numbers there: models write them so."""
    schema = model.model_json_schema(schema_generator=NullFreeSchema)
    for name, field in schema.get("properties", {}).items():
        if field.get("pattern") == AMOUNT_PATTERN:
            schema["properties"][name] = {"description": field["description"], "type": "number"}
    return _tool_schema(schema)


def output_schema(model: type[BaseModel], described: Set[str]) -> Json:
    """The schema of a tool's result. Only fields named in `described` keep a description."""
    schema = model.model_json_schema(mode="serialization", schema_generator=_ResultSchema)
    return _shortened(_tool_schema(schema), described)  # type: ignore[no-any-return]


def default_in_words(field: Json) -> Json:
    """An input's schema with its default in the description: strict modes refuse the keyword.

    It is not told where it is false or any, or where the description begins with it.
    """
    default, description = field.get("default"), absent_for_null(field["description"])
    if default not in (None, False, "any") and not description.startswith(f"{default}:"):
        description = f"{description.rstrip('.')}; default {default}."
    plain = {key: value for key, value in field.items() if key != "default"}
    return {**plain, "description": description}


def opaque_rows(description: str) -> Json:
    """The schema of rows whose fields are told in words: it is a fraction of the full schema."""
    return {"type": "array", "description": description, "items": {"type": "object"}}


def absent_for_null(text: str) -> str:
    """A description for tools, whose results leave a field out where others have null."""
    return text.replace("null", "absent")


def _tool_schema(schema: Json) -> Json:
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
    plain = {
        key: _inlined(value, definitions, names=key == "properties" and not names)
        for key, value in part.items()
        if names or key not in _OMITTED_KEYS
    }
    if not names and plain.get("type") == "object":
        plain.pop("description", None)  # a docstring: the field says it better
    return plain


def _shortened(part: Any, described: Set[str], name: str = "") -> Any:
    """The schema with the keys an agent needs: all tools together must fit into its context."""
    if not isinstance(part, dict):
        return part
    shortened = {key: value for key, value in part.items() if key in _RESULT_KEYS}
    if "description" in part and name in described:
        shortened["description"] = absent_for_null(part["description"])
    if name in _OF_ANY:
        return {"type": part["type"]}
    if "properties" in part:
        shortened["properties"] = {
            key: _shortened(value, described, key) for key, value in part["properties"].items()
        }
    if "items" in part:
        shortened["items"] = _shortened(part["items"], described)
    return shortened
