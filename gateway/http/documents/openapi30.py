"""Derives the OpenAPI 3.0.3 document, for importers that do not read 3.1."""

from typing import Any

from gateway.http.documents.schemas import REF, with_schemas_rewritten

Json = dict[str, Any]


def convert(document: Json) -> Json:
    """The 3.1.0 document as 3.0.3."""
    enums = {
        REF.format(model=name): schema
        for name, schema in document["components"]["schemas"].items()
        if "enum" in schema
    }
    made: Json = with_schemas_rewritten(document, lambda schema: _schema(schema, enums))
    schemas = made["components"]["schemas"]
    kept = {n: schema for n, schema in schemas.items() if REF.format(model=n) not in enums}
    info = {name: value for name, value in document["info"].items() if name != "summary"}
    return {
        **made,
        "openapi": "3.0.3",
        "info": {**info, "license": {"name": info["license"]["name"]}},
        "components": {**made["components"], "schemas": kept},
    }


def _schema(schema: Json, enums: dict[str, Json]) -> Json:
    """One schema, those in it being done.

    What stands beside a `$ref` is ignored in 3.0. So small enums are inlined, whose descriptions
    tell what the field is.
    """
    reference = schema.get("$ref")
    if reference is not None:
        inlined = enums.get(reference)
        return {"$ref": reference} if inlined is None else {**inlined, **_beside(schema)}
    made = dict(schema)
    if isinstance(made.get("type"), list):
        made["type"] = next(kind for kind in made["type"] if kind != "null")
        made["nullable"] = True
    if "examples" in made:
        made["example"] = made.pop("examples")[0]
    if "const" in made:
        made["enum"] = [made.pop("const")]
    for limit in ("Minimum", "Maximum"):
        if f"exclusive{limit}" in made:
            made[limit.lower()] = made[f"exclusive{limit}"]
            made[f"exclusive{limit}"] = True
    return made


def _beside(schema: Json) -> Json:
    return {name: value for name, value in schema.items() if name != "$ref"}
