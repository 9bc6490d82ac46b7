"""The responses of an operation in the document: its success, its problems, their headers."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from gateway.core.model.errors import GatewayError
from gateway.core.model.upstream_call import Effect
from gateway.core.model.values import Cacheable
from gateway.core.operations.operation import AnyOperation
from gateway.http.documents.examples import EXAMPLES
from gateway.http.documents.schemas import REF
from gateway.http.wire.problems import PROBLEM_JSON

Json = dict[str, Any]
_TEXT = {"type": "string"}
_WHOLE = {"type": "integer", "minimum": 0}
HEADERS = MappingProxyType(
    {
        "X-Request-Id": {"description": "Names the request in the log.", "schema": _TEXT},
        "Retry-After": {
            "description": "Seconds to wait before the next try; absent where not known.",
            "schema": {"type": "integer", "minimum": 1},
        },
        "ETag": {"description": "Names these bytes; send it as If-None-Match.", "schema": _TEXT},
        "Age": {"description": "Seconds since the provider told this.", "schema": _WHOLE},
        "Location": {"description": "Where it can be read.", "schema": _TEXT},
        "Idempotency-Replayed": {
            "description": "true where this is the first answer to a repeated request_id.",
            "schema": _TEXT,
        },
    }
)
"""What the headers mean that responses have besides those of HTTP itself."""
# The provider may send Retry-After with any of its refusals.
_RETRIED = (404, 409, 429)
# What is answered again to a repeated purchase: the provider's refusals among them.
_REPLAYED = (404, 409, 502)


def responses(op: AnyOperation) -> Json:
    """All responses of an operation by status."""
    spends = op.effect is Effect.SPEND
    made = {str(op.rest.success): _success(op, spends)}
    if issubclass(op.gives, Cacheable):
        made["304"] = {
            "description": "The caller has these bytes already (If-None-Match).",
            "headers": headers("X-Request-Id", "ETag", "Age"),
        }
    return made | problems((*op.errors, *op.errors_besides), spends=spends)


def problems(errors: Iterable[type[GatewayError]], *, spends: bool = False) -> Json:
    """The responses to errors by status."""
    by_status: dict[int, list[type[GatewayError]]] = defaultdict(list)
    for error in errors:
        by_status[error.http_status].append(error)
    return {str(status): _problem(some, spends) for status, some in sorted(by_status.items())}


def share_problems(paths: Json) -> Json:
    """Move the problems that several responses have out of the operations; the moved by name.

    It takes a third off the document, whose importers have a limit.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for _, status, text in _all_problems(paths):
        counts[status][text] += 1
    names: dict[tuple[str, str], str] = {}
    for status, count in sorted(counts.items()):
        repeated = [text for text, times in count.most_common() if times > 1]
        for number, text in enumerate(repeated, 1):
            names[status, text] = f"Problem{status}" + (f"_{number}" if number > 1 else "")
    for found, status, text in _all_problems(paths):
        if name := names.get((status, text)):
            found[status] = {"$ref": f"#/components/responses/{name}"}
    return {name: json.loads(text) for (_, text), name in names.items()}


def _success(op: AnyOperation, spends: bool) -> Json:
    media: Json = {"schema": reference(op.gives.__name__)}
    if op.name in EXAMPLES:
        media["example"] = EXAMPLES[op.name].answer.model_dump(mode="json")
    names = ["X-Request-Id"]
    if issubclass(op.gives, Cacheable):
        names += ["ETag", "Age"]
    if op.rest.location:
        names += ["Location"]
    if spends:
        names += ["Idempotency-Replayed"]
    return {
        "description": (op.gives.__doc__ or "").strip(),
        "headers": headers(*names),
        "content": {"application/json": media},
    }


def _problem(errors: list[type[GatewayError]], spends: bool) -> Json:
    names = ["X-Request-Id"]
    status = errors[0].http_status
    if status in _RETRIED or status >= 500:
        names += ["Retry-After"]
    if spends and status in _REPLAYED:
        names += ["Idempotency-Replayed"]
    return {
        "description": "One of: " + ", ".join(dict.fromkeys(e.code for e in errors)) + ".",
        "headers": headers(*names),
        "content": {PROBLEM_JSON: {"schema": reference("Problem")}},
    }


def headers(*names: str) -> Json:
    """References to descriptions of headers, by name."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def reference(model: str) -> Json:
    """A reference to the schema of a value."""
    return {"$ref": REF.format(model=model)}


def _all_problems(paths: Json) -> list[tuple[Json, str, str]]:
    """Each problem as the responses it is among, its status, and its JSON."""
    return [
        (operation["responses"], status, json.dumps(response))
        for item in paths.values()
        for operation in item.values()
        for status, response in operation["responses"].items()
        if int(status) >= 400
    ]
