"""An error as an RFC 9457 document with fields of ours: written, and read back."""

import math
from typing import Annotated, Any

from pydantic import Field

from gateway.core.model import errors, provider_errors
from gateway.core.model.errors import GatewayError, Upstream
from gateway.core.model.values import Charged, Frozen

_MAX_WORDS = 500


class UpstreamWords(Frozen):
    """What the provider said."""

    status: int = Field(description="The provider's HTTP status.")
    message: str = Field(description="The provider's own words, shortened.")


class Problem(Frozen):
    """What happened, whether money moved, and what to do next."""

    type: str = Field(description="A URI that names the kind of problem.")
    title: str = Field(description="The kind of problem, for people.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, whether money moved, what to do next.")
    code: str = Field(description="The stable name of the problem, for programs.")
    retryable: bool = Field(description="Whether the same call may succeed later.")
    charged: Charged = Field(description="Whether money moved.")
    retry_after: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Seconds to wait before the next try; absent where not known."
    )
    trace_id: str = Field(description="Names the request in the log; also in X-Request-Id.")
    upstream: UpstreamWords | None = Field(
        None, description="What the provider said; absent where it said nothing."
    )


def problem(error: GatewayError, trace_id: str) -> Problem:
    """The error as its document. An error that was told before keeps its first trace_id."""
    return Problem(
        type=f"urn:getatext-gateway:error:{error.code}",
        title=error.title,
        status=error.http_status,
        detail=error.detail,
        code=error.code,
        retryable=error.retryable,
        charged=error.charged,
        retry_after=None if error.retry_after is None else max(1, math.ceil(error.retry_after)),
        trace_id=error.trace_id or trace_id,
        upstream=_words(error),
    )


def _words(error: GatewayError) -> UpstreamWords | None:
    if (said := error.upstream) is None:
        return None
    return UpstreamWords(status=said.status, message=said.message[:_MAX_WORDS])


def problem_json(error: GatewayError, trace_id: str) -> bytes:
    """The document's bytes: fields that say nothing are left out."""
    return problem(error, trace_id).model_dump_json(exclude_none=True).encode()


def _classes(base: type[GatewayError]) -> dict[str, type[GatewayError]]:
    found: dict[str, type[GatewayError]] = {}
    for one in base.__subclasses__():
        found |= {one.code: one} | _classes(one)
    return found


# The tree is in two modules: both must be loaded before it is whole.
_BY_CODE = _classes(errors.GatewayError) | _classes(provider_errors.UpstreamFault)


def read_problem(document: dict[str, Any]) -> GatewayError:
    """The error that a document of ours tells."""
    error = _BY_CODE[document["code"]](charged=Charged(document["charged"]))
    error.detail = document["detail"]
    error.retry_after = document.get("retry_after")
    if said := document.get("upstream"):
        error.upstream = Upstream(said["status"], said["message"])
    error.trace_id = document["trace_id"]
    error.replayed = True
    return error
