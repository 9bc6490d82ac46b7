"""A purchase that is answered again: what it bought as that is today, and that it is no new one."""

from typing import Any

from pydantic import BaseModel

from gateway.core.model.errors import GatewayError
from gateway.core.model.long_rentals import LongRental
from gateway.core.model.rentals import Rental
from gateway.core.operations.call import Answer, Call
from gateway.core.operations.catalog import BY_NAME
from mcp_server.ports import OperationInvoker
from mcp_server.tools import results
from mcp_server.tools.adjustments import HINT, REPLAYED

_HINT = (
    "This purchase was made before, by the same request_id or confirmation: nothing was bought "
    "now, and this is what was bought then, as it {was}. For a new purchase use a new "
    "request_id or none."
)
_TODAY = _HINT.format(was="is today")
_THEN = _HINT.format(was="was then: what became of it cannot be read now")


async def result(invoker: OperationInvoker, call: Call, answer: Answer[BaseModel]) -> results.Json:
    """The result of a replayed answer."""
    today = await _today(invoker, call, answer.value)
    hint = _THEN if today is None else _TODAY
    value = answer.value if today is None else today
    content = {**results.structured_content(value), REPLAYED: True, HINT: hint}
    return {**results.result(content), "_meta": {results.REPLAYED_META: True}}


async def _today(invoker: OperationInvoker, call: Call, then: BaseModel) -> BaseModel | None:
    """What was bought as it is now; None where that cannot be read."""

    async def read(name: str, **given: Any) -> Any:
        try:
            return await invoker.invoke(BY_NAME[name], call, given)
        except GatewayError:
            return None

    match then:
        case Rental(id=int(rental_id)):
            if (rental := await read("get_rental", rental_id=rental_id)) is not None:
                return rental  # type: ignore[no-any-return]
            listed = then.number and await read("list_rentals", number=then.number)
        case LongRental():
            listed = await read("list_long_rentals")
        case _:
            return None
    rows = listed.data if listed else ()
    return next((row for row in rows if row.id == then.id), None)
