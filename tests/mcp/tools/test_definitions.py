"""What tools/list says: made from the catalog, complete, small, and committed."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from gateway.cli.commands.mcp import TOOLSETS
from gateway.core.model.callers import Account, Caller, Limits
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import BY_NAME, CATALOG, TOOLS
from gateway.core.operations.operation import AnyOperation
from mcp_server.options import ALL_TOOLSETS, McpOptions
from mcp_server.tools.adjustments import adjustment_of
from mcp_server.tools.definitions import Json, Tools, tool_spec
from scripts.mcp_surface import COMMITTED, surface

MAX_BYTES = 22_900
ANNOTATIONS = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
PASSER_BY = Caller("a", Account("a", "sk_a"))
ROOT = Path(__file__).absolute().parents[3]

each = pytest.mark.parametrize("op", TOOLS, ids=lambda op: op.name)


def names(limits: Limits | None = None, **options: object) -> list[str]:
    tools = Tools(CATALOG, McpOptions(**options))  # type: ignore[arg-type]
    return list(tools.visible_to(Caller("a", Account("a", "sk_a"), limits)))


def test_every_operation_that_is_a_tool_is_one_by_its_own_name() -> None:
    assert names() == [op.name for op in TOOLS]


def test_what_is_no_tool_is_left_out_whatever_is_chosen() -> None:
    others = [op.name for op in CATALOG if not op.tool]

    assert "list_events" in others
    assert not set(others) & set(names())
    assert names(toolsets=frozenset({"events"})) == []


def test_the_toolsets_to_choose_from_are_those_that_have_tools() -> None:
    assert set(TOOLSETS) == ALL_TOOLSETS == {op.toolset for op in TOOLS}


@each
def test_a_tool_says_all_that_an_agent_needs(op: AnyOperation) -> None:
    definition = tool_spec(op).definition

    needed = {"name", "title", "description", "inputSchema", "outputSchema", "annotations"}
    assert set(definition) - {"_meta"} == needed
    assert 8 <= len(definition["title"]) <= 25
    assert set(definition["annotations"]) == ANNOTATIONS
    assert definition["annotations"]["readOnlyHint"] == (op.effect is Effect.READ)
    assert definition["description"].startswith(op.summary + ". ")
    assert len(definition["description"]) > len(op.summary) + len(op.description) + 20
    for name, field in definition["inputSchema"]["properties"].items():
        assert field.get("description"), name


# Whether it reads, may destroy something, is idempotent, and asks the provider.
HINTS: dict[str, tuple[bool, bool, bool, bool]] = {
    "list_prices": (True, False, True, True),
    "get_balance": (True, False, True, True),
    "get_usage": (True, False, True, False),
    "rent_number": (False, True, False, True),
    "list_rentals": (True, False, True, False),
    "get_rental": (True, False, True, True),
    "wait_for_code": (True, False, True, True),
    "cancel_rental": (False, True, True, True),
    "complete_rental": (False, False, True, True),
    "rent_again": (False, True, False, True),
    "replace_rental": (False, True, False, True),
    "list_long_rentals": (True, False, True, True),
    "create_long_rental": (False, True, False, True),
    "renew_long_rental": (False, True, False, True),
    "cancel_long_rental": (False, True, True, True),
    "set_auto_renew": (False, False, True, True),
    "list_messages": (True, False, True, True),
}


def test_every_hint_is_what_the_tool_does() -> None:
    assert {
        op.name: tuple(tool_spec(op).definition["annotations"].values()) for op in TOOLS
    } == HINTS


def test_a_client_that_searches_for_tools_has_those_of_the_usual_flow_at_once() -> None:
    metas = {op.name: tool_spec(op).definition.get("_meta", {}) for op in TOOLS}
    loaded = [name for name, meta in metas.items() if meta.get("anthropic/alwaysLoad") is True]
    hints = [hint for meta in metas.values() if (hint := meta.get("anthropic/searchHint"))]

    assert loaded == ["list_prices", "rent_number", "wait_for_code"]
    assert any("refund" in hint for hint in hints)
    assert all(hint.strip() == hint and len(hint) < 40 for hint in hints)


@each
def test_schemas_are_valid_and_plain(op: AnyOperation) -> None:
    definition = tool_spec(op).definition

    for name in ("inputSchema", "outputSchema"):
        schema = definition[name]
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        written = json.dumps(schema)
        assert '"$ref"' not in written
        assert '"null"' not in written
        assert '"anyOf"' not in written
        assert '"title"' not in written
    assert definition["inputSchema"]["additionalProperties"] is False


def keywords(schema: Json) -> set[str]:
    """The keywords of a schema and of all that it holds."""
    inside = [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]
    return set(schema).union(*map(keywords, inside))


@each
def test_schemas_have_only_keywords_that_every_model_takes(op: AnyOperation) -> None:
    """Gemini refuses exclusiveMinimum and examples, OpenAI's strict mode refuses default."""
    definition = tool_spec(op).definition
    named = {"type", "description", "properties", "items", "enum", "required"}

    assert keywords(definition["inputSchema"]) <= named | {"additionalProperties"}
    assert keywords(definition["outputSchema"]) <= named | {"const"}


def test_rows_told_in_words_have_these_fields() -> None:
    named = {row.name: row for row in TOOLS if adjustment_of(row).rows}

    for name, op in named.items():
        described = tool_spec(op).definition["outputSchema"]["properties"]["data"]["description"]
        row = op.gives.model_fields["data"].annotation.__args__[0]
        if described.startswith("Each as in "):
            other = BY_NAME[described.removeprefix("Each as in ").removesuffix(".")]
            assert other.gives is row, name
        else:
            told = described.removeprefix("Each: ").removesuffix(".").split(", ")
            assert set(told) == set(row.model_fields), name


@each
def test_every_field_says_its_type(op: AnyOperation) -> None:
    """Clients warn of one that takes any value, and the inspector prints it into its output."""
    definition = tool_spec(op).definition

    def untyped(schema: Json, name: str) -> list[str]:
        inside = dict(schema.get("properties", {}))
        if "items" in schema:
            inside["[]"] = schema["items"]
        found = [] if schema.get("type") else [name]
        return found + [each for key in inside for each in untyped(inside[key], f"{name}.{key}")]

    assert untyped(definition["inputSchema"], "input") == []
    assert untyped(definition["outputSchema"], "output") == []


@each
def test_a_tool_that_spends_says_so(op: AnyOperation) -> None:
    definition = tool_spec(op).definition
    spends = op.effect is Effect.SPEND

    assert ("allow_duplicate" in definition["inputSchema"]["properties"]) == (
        spends and not op.once
    )
    assert not spends or definition["annotations"]["destructiveHint"]
    assert not spends or "charge" in definition["description"]


def test_rent_number_must_have_a_price_cap() -> None:
    definition = next(tool_spec(op).definition for op in TOOLS if op.name == "rent_number")

    assert "max_price" in definition["inputSchema"]["required"]


def test_a_reading_key_sees_only_tools_that_read() -> None:
    reading = [op.name for op in TOOLS if op.effect is Effect.READ]

    assert names(Limits(read_only=True)) == reading
    assert names(read_only=True) == reading
    assert names(Limits()) == [op.name for op in TOOLS]


def test_toolsets_choose_what_is_there() -> None:
    assert names(toolsets=frozenset({"long_rentals"})) == [
        op.name for op in TOOLS if op.toolset == "long_rentals"
    ]


def test_renting_alone_has_the_prices_that_it_needs() -> None:
    rentals = [op.name for op in TOOLS if op.toolset == "rentals"]

    assert names(toolsets=frozenset({"rentals"})) == ["list_prices", *rentals]
    assert "list_prices" not in names(toolsets=frozenset({"long_rentals"}))


def test_the_committed_surface_is_what_the_server_says() -> None:
    assert COMMITTED.read_text() == surface(), "run: make surfaces"


def test_the_surface_fits_into_an_agents_head() -> None:
    tools: Json = json.loads(surface())

    assert len(json.dumps(tools, separators=(",", ":"))) < MAX_BYTES
