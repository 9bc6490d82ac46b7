"""Parses HTTP replies to fields, or to the error of the core that they mean."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from pydantic import ValidationError

from adapters.getatext.endpoint import AnyEndpoint, Fields
from adapters.getatext.refusals import meaning, told_lock
from adapters.getatext.scalars import absent, ident, text
from gateway.core.model.errors import GatewayError, OutcomeUnknown, RateLimited, Upstream
from gateway.core.model.provider_errors import (
    CancelTooEarly,
    UpstreamAuthFailed,
    UpstreamBadResponse,
    UpstreamError,
    UpstreamFault,
    UpstreamRefused,
)

T = TypeVar("T")

_LONGEST_WAIT = 300.0
_LONGEST_MESSAGE = 500
_MOST_TEXTS = 10
_LONGEST_NUMBER = 40
_FAILURES = ("error", "errors", "fail", "failed", "failure", "false")
_SECONDS = re.compile(r"[0-9]{1,18}(\.[0-9]{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply: status, raw body, and the header Retry-After if any.

    The body is None where it was rejected: encoded, or too large.
    """

    status: int
    body: bytes | None
    retry_after: str | None = None


def read_answer(reply: Reply, endpoint: AnyEndpoint, read: Callable[[Fields], T]) -> T:
    """The value that `read` returns for the reply. Raises the error that the reply means.

    A readable refusal is definite, whatever its status. An unreadable reply to a purchase raises
    OutcomeUnknown, because money may have moved; that to a change says that it may have gone
    through.
    """
    try:
        return read(fields_of(reply, endpoint))
    except ValidationError:
        fault: UpstreamFault = UpstreamBadResponse(upstream=Upstream(reply.status, ""))
    except (UpstreamBadResponse, UpstreamError) as error:
        fault = error
    if endpoint.spends:
        raise OutcomeUnknown(upstream=fault.upstream) from None
    if endpoint.changes:
        fault = type(fault).of_change(retry_after=fault.retry_after, upstream=fault.upstream)
    raise fault from None


def fields_of(reply: Reply, endpoint: AnyEndpoint) -> Fields:
    """The fields of a success. Raises the error that any other reply means."""
    if reply.status == 429:
        _raise(RateLimited, reply, _message_of(reply))
    if reply.status == 401:
        _raise(UpstreamAuthFailed, reply, _message_of(reply))
    succeeded = 200 <= reply.status < 300
    if not succeeded and reply.status < 400:
        _raise(UpstreamBadResponse, reply)
    fields = parse(reply.body, endpoint.rows) if reply.body else None
    if fields is None:
        _raise(_without_fields(reply, endpoint), reply)
    if message := _error_message(fields, reply.status):
        _raise_for(message, fields, reply, endpoint)
    if not succeeded:
        _raise(_by_status(reply.status, endpoint), reply)
    if message := _lone_message(fields):
        # An unknown message may be that of a purchase that was made.
        unseen = UpstreamBadResponse if endpoint.spends else UpstreamRefused
        known = meaning(message, endpoint.subject, loosely=not endpoint.spends)
        _raise(known or unseen, reply, message)
    return fields


def parse(body: bytes, rows: str | None = None) -> Fields | None:
    """The JSON object of a body, a top-level list as the field `rows`; None for anything else.

    pydantic_core.from_json is five times faster (0.8 µs to 3.9 µs for a status), but accepts
    duplicate keys.
    """
    try:
        found = _decode(body.removeprefix(b"\xef\xbb\xbf").decode())
    except (ValueError, RecursionError):
        return None
    if isinstance(found, list) and rows is not None:
        return {rows: found}
    return found if isinstance(found, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an equal key twice")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


_decode = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number).decode


def _error_message(fields: Fields, status: int) -> str | None:
    """The error message, from any of the fields known for it; None without an error."""
    for place in ("errors", "error"):
        if message := _message(fields.get(place)):
            return message
    if status >= 400 or _failed(fields):
        return _message(fields.get("message")) or _message(fields.get("detail"))
    return None


def _lone_message(fields: Fields) -> str | None:
    """The message of a 2xx that has no other field, unless it contains "success"."""
    if absent(fields.get("message")) or not all(
        absent(value) for name, value in fields.items() if name != "message"
    ):
        return None
    message = _message(fields["message"])
    return None if message and "success" in message.lower() else message


def _failed(fields: Fields) -> bool:
    """Whether a 2xx reports a failure. With an id, `status` is the rental's."""
    if fields.get("success") is False:
        return True
    status = fields.get("status")
    return isinstance(status, str) and status.lower() in _FAILURES and absent(fields.get("id"))


def _message(raw: object) -> str | None:
    """An error message in one line: text (page), or a list or object of texts (guess)."""
    if absent(raw):
        return None
    if isinstance(raw, (bool, int, float)):
        return str(raw).lower()[:_LONGEST_NUMBER] if raw else None
    return text("; ".join(_texts(raw)), _LONGEST_MESSAGE)


def _texts(raw: object) -> Iterator[str]:
    """The first texts nested inside, in order; at most ten."""
    waiting, left = [raw], _MOST_TEXTS
    while waiting and left:
        inside = waiting.pop()
        if isinstance(inside, list):
            waiting.extend(reversed(inside))
        elif isinstance(inside, dict):
            waiting.extend(reversed(inside.values()))
        elif found := text(inside, _LONGEST_MESSAGE):
            left -= 1
            yield found


def _raise_for(message: str, fields: Fields, reply: Reply, endpoint: AnyEndpoint) -> None:
    """Raise the error of a message. With the id of a purchase it may be a mere remark."""
    bought = endpoint.spends and reply.status < 300 and _has_id(fields)
    if bought and (text(fields.get("status")) or "").lower() == "success":
        return
    known = meaning(message, endpoint.subject, loosely=reply.status < 500 and not bought)
    unseen = UpstreamError if reply.status >= 500 else UpstreamRefused
    _raise(known or (UpstreamBadResponse if bought else unseen), reply, message)


def _has_id(fields: Fields) -> bool:
    places = (fields, fields.get("rental"), fields.get("long_rental"))
    return any(isinstance(place, Mapping) and ident(place.get("id")) for place in places)


def _without_fields(reply: Reply, endpoint: AnyEndpoint) -> type[GatewayError]:
    if reply.body is not None and not reply.body.strip():
        return _by_status(reply.status, endpoint)
    return UpstreamError if reply.status >= 500 else UpstreamBadResponse


def _by_status(status: int, endpoint: AnyEndpoint) -> type[GatewayError]:
    """The error of an HTTP status without a message."""
    if status == 404 and endpoint.subject.missing:
        return endpoint.subject.missing
    if status == 403:
        return UpstreamAuthFailed
    return UpstreamError if status >= 500 else UpstreamBadResponse


def _message_of(reply: Reply) -> str | None:
    fields = parse(reply.body) if reply.body else None
    return _error_message(fields, reply.status) if fields else None


def _raise(error: type[GatewayError], reply: Reply, message: str | None = None) -> NoReturn:
    meant = error(
        retry_after=_wait(reply.retry_after), upstream=Upstream(reply.status, message or "")
    )
    if isinstance(meant, CancelTooEarly) and message:
        meant.lock = told_lock(message)
    raise meant


def _wait(header: str | None) -> float | None:
    """The seconds of a Retry-After, five minutes at most; a date (never seen) is ignored."""
    seconds = (header or "").strip()
    return min(float(seconds), _LONGEST_WAIT) if _SECONDS.fullmatch(seconds) else None
