"""JSON schemas of inputs and results in a plain form, for OpenAPI and the MCP tools."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


class PlainSchema(GenerateJsonSchema):
    """Without field titles, which only repeat the field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False: no titles."""
        return False


class NullFreeSchema(PlainSchema):
    """Fields that can be None are optional, and never accept null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """The schema of the value without null."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The schema by pydantic without a default of null."""
        inner = super().default_schema(schema)
        if inner.get("default", ...) is None:
            inner.pop("default")
        return inner
