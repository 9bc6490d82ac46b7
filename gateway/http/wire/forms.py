"""Reads the parameters of a GET protocol from the query and, for a POST, from a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.core.model.errors import InvalidRequest, Unauthorized
from gateway.http.wire.auth import key_of
from gateway.http.wire.inputs import media_type, read_body
from gateway.http.wire.multipart import Pairs, read_multipart

_MOST_FIELDS = 100
_LONGEST_CACHED = 500
FORM = "application/x-www-form-urlencoded"
_NO_TYPE = "application/octet-stream"  # aiohttp's value where no type was sent
_MULTIPART = "multipart/form-data"
_PREFETCHES = ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz")


@dataclass(frozen=True, slots=True)
class Parameters:
    """A request's parameters, stripped of blanks and without those of empty value.

    `repeated`: some name came more than once in a part, or with different values in both.
    `names` has those of empty value, too.
    """

    values: Mapping[str, str]
    repeated: bool
    names: frozenset[str]

    def get(self, name: str) -> str | None:
        """A parameter's value, or None."""
        return self.values.get(name)


async def read_parameters(request: web.Request) -> Parameters:
    """The parameters of a request; the last value of a repeated name, the form's over the query's.

    Raises InvalidRequest for a malformed form or too many parameters.
    """
    if request.method != "POST":
        return query_parameters(request)
    query, form = _parse(request.rel_url.raw_query_string), await _form(request)
    both = {name: value for name, value in form if name in dict(query)}
    return Parameters(
        {name: value for name, value in (*query, *form) if value},
        repeated=_repeats(query) or _repeats(form) or bool(both.items() - set(query)),
        names=frozenset(name for name, _ in (*query, *form)),
    )


def query_parameters(request: web.Request) -> Parameters:
    """The parameters of the query alone."""
    raw = request.rel_url.raw_query_string
    return _of_query(raw) if len(raw) <= _LONGEST_CACHED else _only(_parse(raw))


async def is_body_unread(request: web.Request) -> bool:
    """Whether there is a body that `read_parameters` does not read: JSON, or any body of a GET."""
    body = (await read_body(request)).strip()
    if body in (b"", b"{}", b"[]"):
        return False
    is_form = request.method == "POST" and media_type(request) in (FORM, _NO_TYPE, _MULTIPART)
    return not is_form or body.startswith((b"{", b"["))


def expect_once(parameters: Parameters) -> None:
    """Raises InvalidRequest for a repeated parameter: a purchase must not be ambiguous."""
    if parameters.repeated:
        raise InvalidRequest("A parameter is given more than once.")


def expect_no_prefetch(request: web.Request) -> None:
    """Raises InvalidRequest for a browser's prefetch."""
    if is_prefetch(request):
        raise InvalidRequest("A prefetch changes nothing.")


def _only(query: Pairs) -> Parameters:
    return Parameters(
        {name: value for name, value in query if value},
        _repeats(query),
        frozenset(name for name, _ in query),
    )


@lru_cache(4096)
def _of_query(raw: str) -> Parameters:
    """Cached, because pollers send the same query every second."""
    return _only(_parse(raw))


def key_in(request: web.Request, parameters: Parameters, *headers: str) -> str | None:
    """The key in api_key or in a header, or None. Raises Unauthorized for different ones.

    `headers`: more of them than those that carry a key everywhere.
    """
    given, header = parameters.get("api_key"), key_of(request, *headers)
    if given is not None and header is not None and given != header:
        raise Unauthorized("The request carries several different keys.")
    return given or header


def is_prefetch(request: web.Request) -> bool:
    """Whether a browser sent the request as a prefetch, preview or prerender."""
    purposes = " ".join(request.headers.get(name, "") for name in _PREFETCHES).lower()
    return any(word in purposes for word in ("prefetch", "preview", "prerender"))


def _repeats(pairs: Pairs) -> bool:
    return len(dict(pairs)) != len(pairs)


async def _form(request: web.Request) -> Pairs:
    kind = media_type(request)
    if kind == _MULTIPART:
        return read_multipart(
            request.headers["Content-Type"], await read_body(request), _MOST_FIELDS
        )
    if kind not in (FORM, _NO_TYPE):
        return []
    return _parse((await read_body(request)).decode(errors="replace"))


def _parse(text: str) -> Pairs:
    # aiohttp gives bytes of the query that are not UTF-8 as surrogates.
    clean = text.encode(errors="surrogateescape").decode(errors="replace")
    try:
        pairs = parse_qsl(clean, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidRequest("There are too many parameters.") from None
    return [(name.strip(), value.strip()) for name, value in pairs]
