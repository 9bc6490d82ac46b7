"""Tool definitions made from the catalog of operations, and which caller may use which tool."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.model.callers import Caller
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.operation import AnyOperation
from mcp_server.options import McpOptions
from mcp_server.tools.adjustments import (
    DESCRIBED_OUTPUTS,
    LIMIT,
    Adjustment,
    adjustment_of,
    extra_inputs,
    extra_outputs,
    offered,
)
from mcp_server.tools.schemas import (
    absent_for_null,
    default_in_words,
    input_schema,
    opaque_rows,
    output_schema,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """An operation as a tool; `definition` is its entry in tools/list."""

    op: AnyOperation
    adjustment: Adjustment
    definition: Json

    @property
    def reads(self) -> bool:
        """Whether its operation changes nothing."""
        return self.op.effect is Effect.READ


class Tools:
    """The tools of one server; callers that may only read see only those that read."""

    def __init__(self, catalog: Iterable[AnyOperation], options: McpOptions) -> None:
        """Make the definitions of the operations that `options` leave in, once for all calls."""
        self._all = {op.name: tool_spec(op) for op in catalog if offered(op, options)}
        self._reading = {name: spec for name, spec in self._all.items() if spec.reads}

    def visible_to(self, caller: Caller) -> Mapping[str, ToolSpec]:
        """The tools that a caller may use, by name, in the order of the catalog."""
        only_reads = caller.limits is not None and caller.limits.read_only
        return self._reading if only_reads else self._all

    def input_schema(self, name: str) -> Json | None:
        """The input schema of a tool; None where this server has no such tool."""
        spec = self._all.get(name)
        schema: Json | None = spec.definition["inputSchema"] if spec else None
        return schema


def tool_spec(op: AnyOperation) -> ToolSpec:
    """The operation as a tool, with its complete entry for tools/list."""
    adjustment = adjustment_of(op)
    definition = {
        "name": op.name,
        "title": adjustment.title or op.name.replace("_", " ").capitalize(),
        "description": absent_for_null(
            f"{op.summary}. {op.description} {adjustment.guidance}".strip()
        ),
        "inputSchema": _input(op, adjustment),
        "outputSchema": _output(op, adjustment),
        "annotations": _annotations(op, adjustment),
    }
    if meta := _meta(adjustment):
        definition["_meta"] = meta
    return ToolSpec(op, adjustment, definition)


def _input(op: AnyOperation, adjustment: Adjustment) -> Json:
    schema = input_schema(op.takes)
    fields = schema["properties"] = {**schema["properties"], **extra_inputs(op)}
    required = [*schema.get("required", ()), *adjustment.required]
    if required:
        schema["required"] = required
    if page := adjustment.page:
        fields[LIMIT] |= {"default": page.default_limit}
    if (wait := adjustment.wait) and wait.field in fields:
        fields[wait.field] |= {"default": f"{wait.default_seconds}, {wait.max_seconds} at most"}
    schema["properties"] = {name: default_in_words(field) for name, field in fields.items()}
    return schema


def _output(op: AnyOperation, adjustment: Adjustment) -> Json:
    schema = output_schema(op.gives, DESCRIBED_OUTPUTS)
    fields = schema["properties"] = {**schema["properties"], **extra_outputs(op)}
    if adjustment.rows:
        fields["data"] = opaque_rows(adjustment.rows)
    if adjustment.page and adjustment.page.whole:
        fields.pop("next_cursor", None)
    return schema


def _annotations(op: AnyOperation, adjustment: Adjustment) -> Json:
    reads = op.effect is Effect.READ
    destructive = not reads if adjustment.destructive is None else adjustment.destructive
    return {
        "readOnlyHint": reads,
        "destructiveHint": destructive,
        "idempotentHint": op.effect is not Effect.SPEND,
        "openWorldHint": bool(op.calls),
    }


def _meta(adjustment: Adjustment) -> Json:
    """The hints that Claude Code reads, which loads most tools only once it has searched them."""
    meta: Json = {}
    if adjustment.always_load:
        meta["anthropic/alwaysLoad"] = True
    if adjustment.search_hint:
        meta["anthropic/searchHint"] = adjustment.search_hint
    return meta
