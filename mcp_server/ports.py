"""What the MCP face needs of the world, in its own words."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from gateway.core.operations.call import Answer, Call
from gateway.core.operations.operation import Operation

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)


class Invokes(Protocol):
    """Runs operations: the core's one door, or a gateway elsewhere."""

    async def invoke(self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]) -> Out:
        """The value of one operation."""

    async def answer(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]
    ) -> Answer[Out]:
        """The same, and what is known about how it was answered."""

    async def repeated(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]
    ) -> Answer[Out] | None:
        """The first answer to a purchase that is asked for again; None: the first, or unknown."""
