"""How an answer is kept, so that it can be given again byte for byte."""

import json
from typing import Any, TypeVar

from pydantic import BaseModel

from gateway.core import errors, provider_errors
from gateway.core.answers import Answer
from gateway.core.errors import GatewayError, Upstream
from gateway.core.ledger import StoredAnswer
from gateway.core.operation import Operation
from gateway.core.problem import problem_json
from gateway.core.values import Charged

Out = TypeVar("Out", bound=BaseModel)


def keep_value(op: Operation[Any, Out], value: Out) -> StoredAnswer:
    """A success as it is written down."""
    return StoredAnswer(op.rest.success, value.__pydantic_serializer__.to_json(value))


def keep_error(error: GatewayError, trace_id: str) -> StoredAnswer:
    """A refusal, or an outcome that is not known, as it is written down."""
    return StoredAnswer(error.http_status, problem_json(error, trace_id))


def give_again(op: Operation[Any, Out], kept: StoredAnswer, purchase: str) -> Answer[Out]:
    """The kept answer once more: the same value, or the same error raised."""
    if kept.status >= 400:
        raise _error(json.loads(kept.body))
    value = op.gives.model_validate_json(kept.body)
    return Answer(value, kept.body, replayed=True, purchase=purchase)


def _classes(base: type[GatewayError]) -> dict[str, type[GatewayError]]:
    found: dict[str, type[GatewayError]] = {}
    for one in base.__subclasses__():
        found |= {one.code: one} | _classes(one)
    return found


# The tree is in two modules: both must be loaded before it is whole.
_BY_CODE = _classes(errors.GatewayError) | _classes(provider_errors.UpstreamFault)


def _error(document: dict[str, Any]) -> GatewayError:
    error = _BY_CODE[document["code"]](charged=Charged(document["charged"]))
    error.detail = document["detail"]
    error.retry_after = document.get("retry_after")
    if said := document.get("upstream"):
        error.upstream = Upstream(said["status"], said["message"])
    error.trace_id = document["trace_id"]
    error.replayed = True
    return error
