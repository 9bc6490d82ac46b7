"""A scripted model: what an agent is offered and reads, and what the model says next."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that the model wants called."""

    tool: str
    given: Json


Script = Callable[[Sequence[str]], Call | str]


@dataclass
class Model:
    """It finds by the results of tools in a conversation how far its script has come."""

    script: Script
    tools: Mapping[str, Json] = field(default_factory=dict)
    read: Sequence[str] = ()

    def next(self, tools: Mapping[str, Json], results: Sequence[str]) -> Call | str:
        """What it says to an agent that offers these tools and has these results of them."""
        # Agents put a tool's text in JSON once more.
        read = [text.replace('\\"', '"') for text in results]
        said = self.script(read)
        if isinstance(said, str) and not read:
            return said
        self.tools, self.read = tools, read
        return said if isinstance(said, str) else self._named(said)

    def _named(self, call: Call) -> Call:
        """The call by the agent's own name of the tool, with all that its schema requires.

        A strict schema lets nothing be left out, so a model sends defaults and empty values.
        """
        (name,) = (name for name in self.tools if name.endswith(call.tool))
        schema = self.tools[name]
        needed = {each: _unsaid(schema["properties"][each]) for each in schema.get("required", ())}
        return Call(name, needed | call.given)


def _unsaid(schema: Json) -> Any:
    """What a model sends for an input that it has nothing to say about."""
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    return {"string": "", "boolean": False, "integer": 0, "number": 0}[schema["type"]]


def found(pattern: str, text: str) -> str:
    """What a model reads in the result of a tool."""
    match = re.search(pattern, text)
    assert match, text
    return match[1]


def rental_of(text: str) -> int:
    """The rental's id in the answer to a purchase."""
    return int(found(r'"id": ?(\d+)', text))


def code_of(text: str) -> str:
    """The code in an answer."""
    return found(r'"code": ?"(\d+)"', text)
