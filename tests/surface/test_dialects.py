"""The derived documents: valid where they are imported, and the same API in other words."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, Draft202012Validator
from openapi_spec_validator import (
    OpenAPIV2SpecValidator,
    OpenAPIV30SpecValidator,
    OpenAPIV31SpecValidator,
)

from gateway.cli.commands.openapi import committed_texts
from gateway.http.documents import swagger20
from gateway.http.documents.dialects import DIALECTS, check_server, to_json, with_server
from gateway.http.documents.examples import EXAMPLES
from gateway.http.documents.openapi import document
from tests.support.contract import ROOT, at_reference, committed

Json = dict[str, Any]
# The schema of Microsoft's PowerPlatformConnectors repository (there it is
# schemas/apiDefinition.swagger.schema.json), under the MIT licence, Copyright (c) Microsoft.
MICROSOFT = Path(__file__).with_name("powerplatform.apiDefinition.schema.json")
VALIDATORS = {
    "3.1": OpenAPIV31SpecValidator,
    "3.0": OpenAPIV30SpecValidator,
    "2.0": OpenAPIV2SpecValidator,
}
SUFFIX = {"3.1": "/components/schemas/", "3.0": "/components/schemas/", "2.0": "/definitions/"}
each_spec = pytest.mark.parametrize("spec", DIALECTS)


def operations(spec: str) -> dict[str, Json]:
    """The operations of a document by their id."""
    paths: dict[str, dict[str, Json]] = committed(spec)["paths"]
    return {
        entry["operationId"]: entry
        for item in paths.values()
        for kind, entry in item.items()
        if not kind.startswith("x-")
    }


def body_of(entry: Json, spec: str) -> Json:
    """The schema of an operation's body, or an empty one."""
    if spec != "2.0":
        content = entry.get("requestBody", {}).get("content", {})
        return {**content.get("application/json", {}).get("schema", {})}
    bodies: list[Json] = [p for p in entry.get("parameters", ()) if p["in"] == "body"]
    return {**bodies[0]["schema"]} if bodies else {}


def success_of(entry: Json, spec: str) -> tuple[Json, Any]:
    """The schema of an operation's success, and its example."""
    (response,) = (r for status, r in entry["responses"].items() if status.startswith("2"))
    if spec == "2.0":
        (example,) = response["examples"].values()
        return response["schema"], example
    (media,) = response["content"].values()
    return media["schema"], media["example"]


def inputs_of(entry: Json, spec: str) -> dict[str, Json]:
    """An operation's inputs by name."""
    found = {p["name"]: p for p in entry.get("parameters", ()) if p["in"] != "body"}
    return {**found, **body_of(entry, spec).get("properties", {})}


def schemas(spec: str) -> Iterator[tuple[str, Json]]:
    """Every schema of a document, however deep, with a path to it."""
    whole = committed(spec)
    named = whole["definitions"] if spec == "2.0" else whole["components"]["schemas"]
    for name, schema in named.items():
        yield from within(name, schema)
    for name, entry in operations(spec).items():
        for parameter in entry.get("parameters", ()):
            if parameter["in"] != "body":
                yield f"{name}({parameter['name']})", {**parameter, **parameter.get("schema", {})}
        if body := body_of(entry, spec):
            yield from within(f"{name}(body)", body)


def within(path: str, schema: Json) -> Iterator[tuple[str, Json]]:
    """A schema and those in it."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from within(f"{path}.{name}", inner)
    if "items" in schema:
        yield from within(f"{path}[]", schema["items"])


def in_json_schema(node: Any) -> Any:
    """A schema of 3.0 or 2.0 in the words of JSON Schema."""
    if isinstance(node, list):
        return [in_json_schema(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    made = {name: in_json_schema(inner) for name, inner in node.items()}
    if made.pop("nullable", False) or made.pop("x-nullable", False):
        made["type"] = [made["type"], "null"]
        if "enum" in made and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
    if made.get("exclusiveMinimum") is True:
        made["exclusiveMinimum"] = made.pop("minimum")
    return made


def faults(spec: str, schema: Json, value: Any) -> list[str]:
    """What is wrong with a value by a schema of a document."""
    named = {name: committed(spec).get(name) for name in ("components", "definitions")}
    plain = in_json_schema({**schema, **{name: part for name, part in named.items() if part}})
    return [fault.message for fault in Draft202012Validator(plain).iter_errors(value)]


@pytest.mark.parametrize("row", list(committed_texts()), ids=lambda row: row[0])
def test_each_committed_document_is_what_the_code_says(row: tuple[str, str]) -> None:
    file, made = row

    assert (ROOT / file).read_text(encoding="utf-8") == made, "run `make surfaces`"


@each_spec
def test_each_is_valid_in_its_dialect(spec: str) -> None:
    VALIDATORS[spec](committed(spec)).validate()


def test_swagger_is_what_power_platform_takes() -> None:
    schema = json.loads(MICROSOFT.read_text(encoding="utf-8"))

    assert [fault.message for fault in Draft4Validator(schema).iter_errors(committed("2.0"))] == []


@each_spec
def test_each_leaves_room_under_the_limit_of_importers(spec: str) -> None:
    """They stop at 100,000 characters."""
    assert len(to_json(DIALECTS[spec](document()))) < 90_000


@each_spec
def test_all_say_the_same_operations(spec: str) -> None:
    expected = operations("3.1")

    assert list(operations(spec)) == list(expected)
    for name, entry in operations(spec).items():
        told, same = inputs_of(entry, spec), inputs_of(expected[name], "3.1")
        assert list(told) == list(same)
        assert list(entry["responses"]) == list(expected[name]["responses"])
        for field in told:
            assert told[field]["description"] == same[field]["description"]
            assert told[field].get("required") == same[field].get("required")
        assert body_of(entry, spec).get("required") == body_of(expected[name], "3.1").get(
            "required"
        )


@each_spec
def test_all_name_the_headers_of_the_same_responses(spec: str) -> None:
    for name, entry in operations(spec).items():
        for status, response in entry["responses"].items():
            expected = operations("3.1")[name]["responses"][status]
            there = at_reference(committed(spec), response).get("headers", {})
            assert there.keys() == at_reference(committed(), expected).get("headers", {}).keys()


@each_spec
def test_every_body_and_success_has_an_example_that_fits(spec: str) -> None:
    for name, entry in operations(spec).items():
        schema, example = success_of(entry, spec)
        assert faults(spec, schema, example) == [], name
        if body := body_of(entry, spec):
            if spec == "2.0":
                sent = body["example"]
            else:
                sent = entry["requestBody"]["content"]["application/json"]["example"]
            assert faults(spec, body, sent) == [], name
            asked = EXAMPLES[name].asked.items()
            assert sent == {key: value for key, value in asked if key in body["properties"]}


@each_spec
def test_every_parameter_has_a_value_that_may_be_sent(spec: str) -> None:
    """Postman sends the example of each, and makes up a value where there is none."""
    for name, entry in operations(spec).items():
        for parameter in entry.get("parameters", ()):
            if parameter["in"] != "body":
                schema = parameter.get("schema", parameter)
                told = {**schema, **parameter}
                example = told.get("x-example" if spec == "2.0" else "example")
                if example is None:
                    example = told.get("examples", told.get("enum", [told.get("default")]))[0]
                sent = {key: schema[key] for key in schema.keys() - {"required", "in", "name"}}
                assert example is not None, name
                assert faults(spec, sent, example) == [], name


NOT_IN = {
    "3.0": {"const", "examples", "type array", "number exclusiveMinimum", "$ref with siblings"},
    "2.0": {
        "const", "examples", "type array", "number exclusiveMinimum", "$ref with siblings",
        "nullable", "anyOf", "oneOf", "null in enum",
    },
}  # fmt: skip


def words_of(schema: Json) -> Iterator[str]:
    """The words of a schema that some dialect has not."""
    yield from schema
    if isinstance(schema.get("type"), list):
        yield "type array"
    if type(schema.get("exclusiveMinimum")) in (int, float):
        yield "number exclusiveMinimum"
    if "$ref" in schema and len(schema) > 1:
        yield "$ref with siblings"
    if None in schema.get("enum", ()):
        yield "null in enum"


@pytest.mark.parametrize("spec", NOT_IN)
def test_no_schema_has_a_word_that_its_dialect_has_not(spec: str) -> None:
    for path, schema in schemas(spec):
        assert not NOT_IN[spec] & set(words_of(schema)), path


@pytest.mark.parametrize("spec", NOT_IN)
def test_no_description_is_lost(spec: str) -> None:
    """Enums that are inlined take the description of the field, and are no component any more."""
    there = {path: schema.get("description") for path, schema in schemas(spec)}

    for path, schema in schemas("3.1"):
        if path in there:
            inlined = at_reference(committed(), schema)
            told = {**inlined, **schema} if "enum" in inlined else schema
            assert there[path] == told.get("description"), path
        else:
            assert schema.get("enum"), path


@pytest.mark.parametrize("spec", NOT_IN)
def test_what_may_be_null_may_be_so_in_each(spec: str) -> None:
    word = {"3.0": "nullable", "2.0": "x-nullable"}[spec]
    nullable = {path for path, schema in schemas(spec) if schema.get(word)}

    assert nullable
    assert nullable == {p for p, s in schemas("3.1") if isinstance(s.get("type"), list)}


SCHEMAS: list[tuple[str, Json, Json, Json]] = [  # name, 3.1, 3.0, 2.0
    ("plain", {"type": "string"}, {"type": "string"}, {"type": "string"}),
    ("nullable", {"type": ["string", "null"]}, {"type": "string", "nullable": True},
     {"type": "string", "x-nullable": True}),
    ("nullable choice", {"type": ["string", "null"], "enum": ["a", None]},
     {"type": "string", "nullable": True, "enum": ["a", None]},
     {"type": "string", "x-nullable": True, "enum": ["a"]}),
    ("above", {"type": "number", "exclusiveMinimum": 0},
     {"type": "number", "minimum": 0, "exclusiveMinimum": True},
     {"type": "number", "minimum": 0, "exclusiveMinimum": True}),
    ("below", {"type": "number", "exclusiveMaximum": 9},
     {"type": "number", "maximum": 9, "exclusiveMaximum": True},
     {"type": "number", "maximum": 9, "exclusiveMaximum": True}),
    ("examples", {"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"},
     {"type": "string", "example": "a"}),
    ("const", {"type": "string", "const": "a"}, {"type": "string", "enum": ["a"]},
     {"type": "string", "enum": ["a"]}),
    ("small enum", {"$ref": "#/components/schemas/Small", "description": "Which."},
     {"type": "string", "enum": ["x"], "description": "Which."},
     {"type": "string", "enum": ["x"], "description": "Which."}),
    ("other reference", {"$ref": "#/components/schemas/Whole", "description": "Lost."},
     {"$ref": "#/components/schemas/Whole"}, {"$ref": "#/definitions/Whole"}),
    ("list", {"type": "array", "items": {"type": ["integer", "null"]}},
     {"type": "array", "items": {"type": "integer", "nullable": True}},
     {"type": "array", "items": {"type": "integer", "x-nullable": True}}),
]  # fmt: skip


def mini(field: Json) -> Json:
    """A document with one schema of one field, named as a keyword is."""
    made = {**document(), "paths": {}}
    small = {"type": "string", "enum": ["x"], "description": "Small."}
    whole = {"type": "object", "properties": {"type": field}}
    return {**made, "components": {
        "securitySchemes": {}, "headers": {}, "responses": {},
        "schemas": {"Whole": whole, "Small": small},
    }}  # fmt: skip


@pytest.mark.parametrize("row", SCHEMAS, ids=lambda row: row[0])
def test_schemas_in_the_words_of_each_dialect(row: tuple[str, Json, Json, Json]) -> None:
    _, given, in_30, in_20 = row
    made_30 = DIALECTS["3.0"](mini(given))["components"]["schemas"]
    made_20 = DIALECTS["2.0"](mini(given))["definitions"]

    assert made_30.keys() == made_20.keys() == {"Whole"}
    assert made_30["Whole"]["properties"] == {"type": in_30}
    title = {} if "$ref" in in_20 else {"x-ms-summary": "Type"}
    assert made_20["Whole"]["properties"] == {"type": {**in_20, **title}}


def test_the_conversion_leaves_its_source_as_it_is() -> None:
    made = document()
    before = json.dumps(made)
    for convert in DIALECTS.values():
        convert(made)

    assert json.dumps(made) == before


def test_3_0_has_no_word_of_3_1_outside_its_schemas() -> None:
    assert "summary" not in committed("3.0")["info"]
    assert committed("3.0")["info"]["license"] == {"name": "MIT"}
    assert committed("3.0")["openapi"] == "3.0.3"


def test_makers_of_flows_see_names_and_what_is_needed_first() -> None:
    for name, entry in operations("2.0").items():
        needed = set(body_of(entry, "2.0").get("required", ()))
        for field, told in inputs_of(entry, "2.0").items():
            important = told.get("required") is True or field in needed
            seen = "important" if important else "advanced"
            if "x-ms-notification-url" in told:  # Power Automate fills it in
                seen = "internal"
            assert re.fullmatch(r"[A-Z]\w*( [A-Z]\w*)*", told["x-ms-summary"]), (name, field)
            assert told["x-ms-visibility"] == seen
    for path, schema in schemas("2.0"):
        for field in schema.get("properties", {}).values():
            assert "x-ms-summary" in field or "$ref" in field, path


def test_services_are_picked_from_the_list_of_prices() -> None:
    picked = 0
    for entry in operations("2.0").values():
        for name, field in inputs_of(entry, "2.0").items():
            assert ("x-ms-dynamic-values" in field) == (name == "service_code")
            if name == "service_code":
                values = field["x-ms-dynamic-values"]
                source = operations("2.0")[values["operationId"]]
                row = committed("2.0")["definitions"]["Price"]["properties"]
                assert {values["value-path"], values["value-title"]} <= row.keys()
                assert values["value-collection"] == "data"
                assert values["parameters"].keys() <= inputs_of(source, "2.0").keys()
                picked += 1

    assert picked == 4


def test_the_stream_is_hidden_from_makers_and_of_its_own_type() -> None:
    stream = operations("2.0")["stream_events"]
    others = [entry for entry in operations("2.0").values() if entry is not stream]
    hidden = [entry["operationId"] for entry in others if "x-ms-visibility" in entry]

    assert stream["x-ms-visibility"] == "internal"
    assert "text/event-stream" in stream["produces"]
    assert hidden == ["delete_webhook"]  # a flow deletes its own by Location
    assert operations("2.0")["delete_webhook"]["x-ms-visibility"] == "internal"
    assert all("produces" not in entry for entry in others)


def test_a_webhook_is_a_trigger_to_makers_of_flows() -> None:
    """Power Automate puts its own address in, and takes what is sent for what triggers."""
    whole = committed("2.0")
    create = operations("2.0")["create_webhook"]
    triggers = [name for name, entry in operations("2.0").items() if "x-ms-trigger" in entry]
    urls = [
        (name, field)
        for name, entry in operations("2.0").items()
        for field, told in inputs_of(entry, "2.0").items()
        if "x-ms-notification-url" in told
    ]
    sent = {
        path: item["x-ms-notification-content"]
        for path, item in whole["paths"].items()
        if "x-ms-notification-content" in item
    }

    assert (triggers, create["x-ms-trigger"]) == (["create_webhook"], "single")
    assert urls == [("create_webhook", "url")]
    assert inputs_of(create, "2.0")["url"]["x-ms-notification-url"] is True
    assert sent == {"/v1/webhooks": {"schema": {"$ref": "#/definitions/Event"}}}
    assert "Location" in create["responses"]["201"]["headers"]


@pytest.mark.parametrize("spec", ["3.1", "3.0"])
def test_a_delivery_is_a_callback_of_what_asks_for_it(spec: str) -> None:
    entries = operations(spec)
    ((name, callback),) = entries["create_webhook"]["callbacks"].items()
    ((address, item),) = callback.items()
    ((method, sent),) = item.items()
    (media,) = sent["requestBody"]["content"].values()

    assert [name for name, entry in entries.items() if "callbacks" in entry] == ["create_webhook"]
    assert (name, address, method) == ("delivery", "{$request.body#/url}", "post")
    assert {one["name"]: (one["in"], one["required"]) for one in sent["parameters"]} == {
        "webhook-id": ("header", True),
        "webhook-timestamp": ("header", True),
        "webhook-signature": ("header", True),
    }
    assert list(sent["requestBody"]["content"]) == ["application/json"]
    assert media["schema"] == {"$ref": "#/components/schemas/Event"}
    assert faults(spec, media["schema"], media["example"]) == []
    assert sent["responses"].keys() == {"2XX", "410", "default"}
    for one in sent["parameters"]:
        assert one["description"].endswith(".")


ADDRESSES: list[tuple[str, Json]] = [
    ("http://127.0.0.1:8080",
     {"host": "127.0.0.1:8080", "basePath": "/", "schemes": ["http"]}),
    ("https://sms.example.com",
     {"host": "sms.example.com", "basePath": "/", "schemes": ["https"]}),
    ("https://example.com/sms/us",
     {"host": "example.com", "basePath": "/sms/us", "schemes": ["https"]}),
    ("http://[::1]:8080", {"basePath": "/", "schemes": ["http"]}),
]  # fmt: skip


@pytest.mark.parametrize("row", ADDRESSES, ids=lambda row: row[0])
def test_an_address_in_three_parts(row: tuple[str, Json]) -> None:
    server, parts = row
    placeholder = DIALECTS["2.0"](document("https://server.invalid"))

    assert swagger20.address(check_server(server)) == parts
    assert with_server(placeholder, server) == DIALECTS["2.0"](document(server))
    OpenAPIV2SpecValidator(with_server(placeholder, server)).validate()
