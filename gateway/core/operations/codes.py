"""The operation that waits for a code."""

from gateway.core.model.codes import Code, WaitForCode
from gateway.core.model.errors import RentalNotFound
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.context import Context
from gateway.core.operations.operation import Operation, Rest
from gateway.core.upstream.calls import RENTAL_STATUS


async def _wait_for_code(context: Context, asked: WaitForCode) -> Code:
    services = context.services
    code = await services.waiter.wait(
        context.upstream, asked.rental_id, asked.wait_seconds, asked.after_code
    )
    await services.recheck(context.caller)
    return code


WAIT_FOR_CODE = Operation(
    name="wait_for_code",
    summary="Wait for a rental's SMS code",
    description=(
        "Answers when a code is known, or pending after wait_seconds: then call again. ended: none "
        "will come. For the next code of a service that sends several, pass the last as after_code."
    ),
    takes=WaitForCode,
    gives=Code,
    effect=Effect.READ,
    rest=Rest("GET", "/v1/rentals/{rental_id}/code"),
    run=_wait_for_code,
    errors=(RentalNotFound,),
    calls=(RENTAL_STATUS,),
    subject="rental_id",
    waits="wait_seconds",
)

OPERATIONS = (WAIT_FOR_CODE,)
