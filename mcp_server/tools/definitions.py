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
)
from mcp_server.tools.schemas import absent_for_null, input_schema, output_schema

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
        self._all = {op.name: tool_spec(op) for op in catalog if options.offers(op)}
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
        "description": absent_for_null(
            f"{op.summary}. {op.description} {adjustment.guidance}".strip()
        ),
        "inputSchema": _input(op, adjustment),
        "outputSchema": _output(op, adjustment),
        "annotations": _annotations(op, adjustment),
    }
    return ToolSpec(op, adjustment, definition)


def _input(op: AnyOperation, adjustment: Adjustment) -> Json:
    schema = input_schema(op.takes)
    fields = schema["properties"] = {**schema["properties"], **extra_inputs(op)}
    required = [*schema.get("required", ()), *adjustment.required]
    if required:
        schema["required"] = required
    if page := adjustment.page:
        fields[LIMIT] |= {"maximum": page.max_limit, "default": page.default_limit}
    if (wait := adjustment.wait) and wait.field in fields:
        fields[wait.field] |= {"maximum": wait.max_seconds, "default": wait.default_seconds}
    return schema


def _output(op: AnyOperation, adjustment: Adjustment) -> Json:
    schema = output_schema(op.gives, DESCRIBED_OUTPUTS)
    fields = schema["properties"] = {**schema["properties"], **extra_outputs(op)}
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
        "openWorldHint": True,
    }
