"""The tools, made from the catalog: names, schemas, annotations and who may see which."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.model.callers import Caller
from gateway.core.operations.operation import AnyOperation, Effect
from mcp_server.options import McpOptions
from mcp_server.tools.adjustments import (
    LIMIT,
    NOTED_OUTPUTS,
    Adjusted,
    adjusted,
    more_inputs,
    more_outputs,
)
from mcp_server.tools.schemas import absent, input_schema, output_schema

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """An operation as a tool; `definition` is its entry in tools/list."""

    op: AnyOperation
    adjusted: Adjusted
    definition: Json

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.op.effect is Effect.READ


class Tools:
    """The tools this server has, and what each caller sees of them."""

    def __init__(self, catalog: Iterable[AnyOperation], options: McpOptions) -> None:
        """Make the definitions once: they are the same for ever."""
        specs = (tool_spec(op) for op in catalog if op.toolset in options.toolsets)
        self._all = {s.op.name: s for s in specs if s.reads or not options.read_only}
        self._reading = {name: spec for name, spec in self._all.items() if spec.reads}

    def of(self, caller: Caller) -> Mapping[str, ToolSpec]:
        """What a caller may use, in reading order."""
        only_reads = caller.limits is not None and caller.limits.read_only
        return self._reading if only_reads else self._all

    def input_schema(self, name: str) -> Json | None:
        """What a tool takes, whoever asks."""
        spec = self._all.get(name)
        schema: Json | None = spec.definition["inputSchema"] if spec else None
        return schema


def tool_spec(op: AnyOperation) -> ToolSpec:
    """The tool of an operation."""
    changes = adjusted(op)
    definition = {
        "name": op.name,
        "description": absent(f"{op.summary}. {op.description} {changes.guidance}".strip()),
        "inputSchema": _input(op, changes),
        "outputSchema": _output(op, changes),
        "annotations": _annotations(op, changes),
    }
    return ToolSpec(op, changes, definition)


def _input(op: AnyOperation, changes: Adjusted) -> Json:
    schema = input_schema(op.takes)
    fields = schema["properties"] = {**schema["properties"], **more_inputs(op)}
    required = [*schema.get("required", ()), *changes.required]
    if required:
        schema["required"] = required
    if changes.page:
        fields[LIMIT] |= {"maximum": changes.page.most, "default": changes.page.usual}
    if (wait := changes.wait) and wait.field in fields:
        fields[wait.field] |= {"maximum": wait.most, "default": wait.usual}
    return schema


def _output(op: AnyOperation, changes: Adjusted) -> Json:
    schema = output_schema(op.gives, NOTED_OUTPUTS)
    fields = schema["properties"] = {**schema["properties"], **more_outputs(op)}
    if changes.page and changes.page.whole:
        fields.pop("next_cursor", None)
    return schema


def _annotations(op: AnyOperation, changes: Adjusted) -> Json:
    reads = op.effect is Effect.READ
    destructive = not reads if changes.destructive is None else changes.destructive
    return {
        "readOnlyHint": reads,
        "destructiveHint": destructive,
        "idempotentHint": op.effect is not Effect.SPEND,
        "openWorldHint": True,
    }
