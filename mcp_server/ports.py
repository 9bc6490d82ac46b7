"""What mcp_server needs of others: an invoker of operations, and the SDK's request context."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import BaseModel

from gateway.core.operations.call import Answer, Call
from gateway.core.operations.operation import Operation

if TYPE_CHECKING:  # the SDK takes a second to import, which only a server that runs needs
    from mcp.server.context import ServerRequestContext

    McpContext = ServerRequestContext[Any, Any]

JSON_ONLY = "getatext.json_only"
"""In the scope of an HTTP request: whether its client reads no events, so that none reach it."""

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)


class OperationInvoker(Protocol):
    """Runs operations, as the core's invoker does. Raises GatewayError."""

    async def invoke(self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]) -> Out:
        """The value of one operation."""

    async def answer(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]
    ) -> Answer[Out]:
        """The value, and whether it is a first answer given again."""

    async def repeated(
        self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]
    ) -> Answer[Out] | None:
        """The first answer to a purchase with this request id; None where none is known."""

    async def resolved(self, op: Operation[In, Out], call: Call, asked: In) -> In:
        """The input of a rent with the code of the service it names. Raises ServiceNotFound."""

    async def check(self, op: Operation[In, Out], call: Call, given: Mapping[str, Any]) -> None:
        """Raise what would refuse a purchase now. Nothing is bought."""
