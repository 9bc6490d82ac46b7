"""The committed document: what the code says, valid, and plain enough for every importer."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.core.model.events import EventType
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import CATALOG
from gateway.core.operations.operation import AnyOperation
from gateway.http.documents.dialects import to_yaml
from gateway.http.documents.openapi import ALL_TAGS, STREAM, TAGS, document
from tests.support.contract import COMMITTED, PROBLEM_JSON, at_reference, committed

Json = dict[str, Any]
PATHS: dict[str, Json] = committed()["paths"]
ALL = [(method, path, entry) for path, item in PATHS.items() for method, entry in item.items()]
ENTRIES = [entry for entry in ALL if entry[1] != STREAM]
each_operation = pytest.mark.parametrize(
    ("method", "path", "entry"), ENTRIES, ids=[entry["operationId"] for _, _, entry in ENTRIES]
)
each_op = pytest.mark.parametrize("op", CATALOG, ids=lambda op: op.name)


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in the document, with the path to it."""
    yield path, node
    if isinstance(node, dict):
        for name, inner in node.items():
            yield from nodes(inner, f"{path}/{name}")
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from nodes(inner, f"{path}/{index}")


def inputs_of(entry: Json) -> dict[str, Json]:
    """The schemas of an operation's inputs by name, descriptions included."""
    found = {p["name"]: {**p["schema"], **p} for p in entry.get("parameters", [])}
    if "requestBody" in entry:
        found |= entry["requestBody"]["content"]["application/json"]["schema"]["properties"]
    return found


def resolved(schema: Json) -> Json:
    """A schema with its reference followed."""
    return {**at_reference(committed(), schema), **schema}


def responses_of(entry: Json) -> dict[str, Json]:
    """The responses of an operation by status, references followed."""
    responses = entry["responses"].items()
    return {status: at_reference(committed(), response) for status, response in responses}


def test_the_committed_document_is_what_the_code_says() -> None:
    made = to_yaml(document(whole=True))

    assert COMMITTED.read_text(encoding="utf-8") == made, "run `make surfaces`"


def test_the_document_is_valid() -> None:
    OpenAPIV31SpecValidator(committed()).validate()


def test_the_document_reads_the_same_as_yaml_and_json() -> None:
    assert committed() == json.loads(json.dumps(document(whole=True)))


def test_nothing_needs_a_union() -> None:
    unions = [p for p, _ in nodes(committed()) if p.endswith(("/anyOf", "/oneOf", "/allOf"))]

    assert unions == []


def test_there_are_no_references_but_to_components() -> None:
    references = [n["$ref"] for _, n in nodes(committed()) if isinstance(n, dict) and "$ref" in n]

    kinds = {"schemas", "responses", "headers"}
    assert {r.rpartition("/")[0] for r in references} == {f"#/components/{k}" for k in kinds}


@pytest.mark.parametrize("kind", ["schemas", "responses", "headers"])
def test_every_component_is_used(kind: str) -> None:
    text = json.dumps(committed())
    names = committed()["components"][kind]

    assert [name for name in names if f'"#/components/{kind}/{name}"' not in text] == []


@each_op
def test_the_catalog_and_the_document_name_the_same_operations(op: AnyOperation) -> None:
    entry = PATHS[op.rest.path][op.rest.method.lower()]

    assert entry["operationId"] == op.name
    assert entry["summary"] == op.summary
    assert entry["tags"] == [op.toolset]
    assert set(inputs_of(entry)) == set(op.takes.model_fields)


def test_the_document_has_no_other_operations_but_the_stream() -> None:
    assert [entry["operationId"] for _, _, entry in ENTRIES] == [op.name for op in CATALOG]
    assert [entry["operationId"] for _, path, entry in ALL if path == STREAM] == ["stream_events"]


def test_every_tag_is_described() -> None:
    assert [tag["name"] for tag in committed()["tags"]] == list(ALL_TAGS)
    assert [tag["name"] for tag in document()["tags"]] == list(TAGS)
    assert {op.toolset for op in CATALOG} == ALL_TAGS.keys()


@each_operation
def test_inputs_are_flat_scalars(method: str, path: str, entry: Json) -> None:
    """But for the one list of choices, which stands in the whole document only."""
    for name, schema in inputs_of(entry).items():
        if (entry["operationId"], name) == ("create_webhook", "events"):
            assert entry["tags"][0] not in TAGS
            assert schema["type"] == "array"
            assert schema["items"] == {"type": "string", "enum": list(EventType)}
            continue
        assert schema["type"] in ("string", "number", "integer", "boolean"), name
        assert not {"$ref", "properties", "items", "nullable"} & schema.keys(), name
        assert None not in schema.get("enum", [])
        assert schema.get("default", ...) is not None


@each_operation
def test_parameters_stand_in_path_and_query_only(method: str, path: str, entry: Json) -> None:
    places = {parameter["in"] for parameter in entry.get("parameters", [])}
    in_path = {p["name"] for p in entry.get("parameters", []) if p["in"] == "path"}

    assert places <= {"path", "query"}
    assert in_path == set(re.findall(r"\{(\w+)\}", path))
    assert method == "get" or "query" not in places
    assert method == "post" or "requestBody" not in entry


@each_operation
def test_headers_are_described_where_they_occur(method: str, path: str, entry: Json) -> None:
    """tests.support.contract holds every response that a test sees against it."""
    for status, response in responses_of(entry).items():
        headers = response["headers"].keys()

        assert "X-Request-Id" in headers
        assert ("Retry-After" in headers) == (int(status) in (404, 409, 429) or status >= "500")
        assert ("ETag" in headers) == ("304" in entry["responses"] and status in ("200", "304"))


def test_purchases_tell_that_they_repeat_the_first_answer() -> None:
    told = {
        entry["operationId"]: {
            status
            for status, response in responses_of(entry).items()
            if "Idempotency-Replayed" in response["headers"]
        }
        for _, _, entry in ENTRIES
    }

    for op in CATALOG:
        statuses = {str(op.rest.success), "404", "409", "502"}
        assert told[op.name] == (statuses if op.effect is Effect.SPEND else set())


@each_operation
def test_optional_flags_and_choices_have_defaults(method: str, path: str, entry: Json) -> None:
    body = entry.get("requestBody", {}).get("content", {}).get("application/json", {})
    required = set(body.get("schema", {}).get("required", []))
    required |= {p["name"] for p in entry.get("parameters", []) if p["required"]}
    for name, schema in inputs_of(entry).items():
        if name in required:
            continue
        assert "default" in schema or not (schema["type"] == "boolean" or "enum" in schema), name


@each_operation
def test_what_may_be_left_out_may_be_empty_and_has_no_example_to_be_sent(
    method: str, path: str, entry: Json
) -> None:
    """n8n sends an input's example, or "" where there is none, for all that its user left out."""
    body = entry.get("requestBody", {}).get("content", {}).get("application/json", {})
    required = set(body.get("schema", {}).get("required", []))
    required |= {p["name"] for p in entry.get("parameters", []) if p["required"]}
    for name, schema in inputs_of(entry).items():
        if name not in required and schema["type"] == "string" and "enum" not in schema:
            assert schema.get("example", "") == "", name
            assert "examples" not in schema, name
            assert schema.get("minLength", 0) == 0, name
            assert re.search(schema.get("pattern", ""), ""), name


@each_operation
def test_a_body_is_a_closed_object_and_required_where_an_input_is(
    method: str, path: str, entry: Json
) -> None:
    if "requestBody" in entry:
        schema = entry["requestBody"]["content"]["application/json"]["schema"]

        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        assert entry["requestBody"]["required"] is bool(schema.get("required"))


@each_operation
def test_success_is_one_status_and_an_object(method: str, path: str, entry: Json) -> None:
    good = {status: r for status, r in responses_of(entry).items() if status.startswith("2")}
    ((status, response),) = good.items()

    assert status in ("200", "201")
    assert resolved(response["content"]["application/json"]["schema"])["type"] == "object"
    assert ("Location" in response["headers"]) == (status == "201")


@each_operation
def test_every_failure_is_a_problem_and_names_its_codes(
    method: str, path: str, entry: Json
) -> None:
    for status, response in responses_of(entry).items():
        if int(status) >= 400:
            assert response["content"] == {
                PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
            assert response["description"].startswith("One of: ")


@each_op
def test_every_error_of_an_operation_is_documented(op: AnyOperation) -> None:
    responses = responses_of(PATHS[op.rest.path][op.rest.method.lower()])

    for error in (*op.errors, *op.errors_besides):
        assert error.code in responses[str(error.http_status)]["description"]


@each_operation
def test_texts_are_short_and_there(method: str, path: str, entry: Json) -> None:
    assert 0 < len(entry["summary"]) <= 80
    assert not entry["summary"].endswith(".")
    assert 0 < len(entry["description"]) <= 300
    for name, schema in inputs_of(entry).items():
        assert schema["description"].endswith("."), name


# Of problem documents, in which nothing is null.
OPTIONAL = {
    "Problem": {"retry_after", "price_needed", "replaced_by", "candidates", "upstream"},
    "Candidate": {"stock"},
}


def test_every_field_of_an_answer_is_described_and_always_there() -> None:
    for name, schema in committed()["components"]["schemas"].items():
        assert schema["description"], name
        left_out = set(schema.get("properties", {})) - set(schema.get("required", []))
        assert left_out == OPTIONAL.get(name, set())
        for field_name, field in schema.get("properties", {}).items():
            assert resolved(field)["description"].endswith("."), (name, field_name)
            assert "default" not in field, (name, field_name)
            assert "title" not in field, (name, field_name)


def test_what_may_be_null_says_so_by_its_type() -> None:
    types = [n["type"] for _, n in nodes(committed()) if isinstance(n, dict) and "type" in n]
    unions = [kind for kind in types if isinstance(kind, list)]

    assert unions
    assert all(len(kind) == 2 and kind[1] == "null" for kind in unions)
    assert "nullable" not in json.dumps(committed())


def test_there_is_one_key_in_a_header() -> None:
    schemes = committed()["components"]["securitySchemes"]
    ((name, scheme),) = schemes.items()

    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")
    assert committed()["security"] == [{name: []}]


def test_status_codes_are_text_in_the_yaml() -> None:
    lines = COMMITTED.read_text(encoding="utf-8").splitlines()
    codes = [line.strip() for line in lines if re.fullmatch(r"\s+'?[1-5]\d\d'?:", line)]

    assert codes
    assert all(re.fullmatch(r"'\d{3}':", code) for code in codes)
    assert all(
        isinstance(key, str) for _, n in nodes(committed()) if isinstance(n, dict) for key in n
    )


def test_the_yaml_has_no_anchors() -> None:
    tokens = yaml.scan(COMMITTED.read_text(encoding="utf-8"))

    assert not any(isinstance(token, yaml.AnchorToken | yaml.AliasToken) for token in tokens)


@each_operation
def test_whatever_changes_something_says_that_it_is_consequential(
    method: str, path: str, entry: Json
) -> None:
    assert entry.get("x-openai-isConsequential") is (True if method != "get" else None)


@each_op
def test_only_reads_are_gets(op: AnyOperation) -> None:
    assert (op.rest.method == "GET") == (op.effect is Effect.READ)


def test_the_server_is_an_absolute_address() -> None:
    (server,) = committed()["servers"]

    assert re.fullmatch(r"https?://[^/]+", server["url"])


def test_identifiers_are_64_bits_wide() -> None:
    ids = [
        n for p, n in nodes(committed())
        if isinstance(n, dict) and "integer" in str(n.get("type")) and p.endswith("id")
    ]  # fmt: skip

    assert all(n["format"] == "int64" for n in ids)


PORTABLE_PATTERN = re.compile(r"\\[dwsDWS]")


def test_patterns_mean_the_same_in_every_dialect() -> None:
    patterns = [
        n["pattern"] for _, n in nodes(committed()) if isinstance(n, dict) and "pattern" in n
    ]

    assert patterns
    assert [pattern for pattern in patterns if PORTABLE_PATTERN.search(pattern)] == []
