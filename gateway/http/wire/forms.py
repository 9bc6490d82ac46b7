"""Reads the parameters of a GET protocol: from the query, and from a form where there is one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.core.model.errors import InvalidRequest, Unauthorized
from gateway.http.wire.auth import key_of
from gateway.http.wire.inputs import media_type, read_body

_MOST_FIELDS = 100
_SHORT = 500
FORM = "application/x-www-form-urlencoded"
_NO_TYPE = "application/octet-stream"  # what aiohttp says where no type was sent
_MULTIPART = "multipart/form-data"
_BOUNDARY = re.compile(r'(?i);\s*boundary="?([!#-+\--:=?-Z^-~]{1,70})"?\s*(?:;|$)')
_LONGEST_HEAD = 1000
_NAME = re.compile(
    rb"(?i)\r\ncontent-disposition: *form-data *;[^\r]*?\bname="
    rb'(?:"((?:[^"\\\r]|\\[^\r])*)"|([^\s;"]+))'
).search
_ESCAPED = re.compile(rb"\\(.)")
_FILE = re.compile(rb"(?i)[; ]filename\*?=").search
_PREFETCHES = ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz")

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What was asked. Blanks around names and values do not count, nor do empty values.

    `repeated`: some name came more than once, so it is not sure what was meant.
    """

    values: Mapping[str, str]
    repeated: bool

    def get(self, name: str) -> str | None:
        """A value, or None."""
        return self.values.get(name)


async def read_parameters(request: web.Request) -> Parameters:
    """The parameters of a request. Of a name that came twice the last value counts."""
    if request.method != "POST":
        return query_parameters(request)
    query, form = _parse(request.rel_url.raw_query_string), await _form(request)
    both = {name: value for name, value in form if name in dict(query)}
    return Parameters(
        {name: value for name, value in (*query, *form) if value},
        repeated=_repeats(query) or _repeats(form) or bool(both.items() - set(query)),
    )


def query_parameters(request: web.Request) -> Parameters:
    """The parameters in the query alone."""
    raw = request.rel_url.raw_query_string
    return _of_query(raw) if len(raw) <= _SHORT else _only(_parse(raw))


async def is_body_unread(request: web.Request) -> bool:
    """Whether there is a body that `read_parameters` leaves alone: JSON, or any body of a GET."""
    body = (await read_body(request)).strip()
    if body in (b"", b"{}", b"[]"):
        return False
    is_form = request.method == "POST" and media_type(request) in (FORM, _NO_TYPE, _MULTIPART)
    return not is_form or body.startswith((b"{", b"["))


def expect_once(parameters: Parameters) -> None:
    """Raises where a parameter came more than once: a purchase must be just what was meant."""
    if parameters.repeated:
        raise InvalidRequest("A parameter is given more than once.")


def expect_no_prefetch(request: web.Request) -> None:
    """Raises where a browser asks before anybody wants the answer."""
    if is_prefetch(request):
        raise InvalidRequest("A prefetch changes nothing.")


def _only(query: Pairs) -> Parameters:
    return Parameters({name: value for name, value in query if value}, _repeats(query))


@lru_cache(4096)
def _of_query(raw: str) -> Parameters:
    """Tools that poll send the same query every second."""
    return _only(_parse(raw))


def key_in(request: web.Request, parameters: Parameters) -> str | None:
    """The key in api_key, or in a header. Raises Unauthorized for several different ones."""
    given, header = parameters.get("api_key"), key_of(request)
    if given is not None and header is not None and given != header:
        raise Unauthorized("The request carries several different keys.")
    return given or header


def is_prefetch(request: web.Request) -> bool:
    """Whether a browser asks before anybody wants the answer."""
    said = " ".join(request.headers.get(name, "") for name in _PREFETCHES).lower()
    return "prefetch" in said or "preview" in said or "prerender" in said


def _repeats(pairs: Pairs) -> bool:
    return len(dict(pairs)) != len(pairs)


async def _form(request: web.Request) -> Pairs:
    kind = media_type(request)
    if kind == _MULTIPART:
        return _multipart(request.headers["Content-Type"], await read_body(request))
    if kind not in (FORM, _NO_TYPE):
        return []
    return _parse((await read_body(request)).decode(errors="replace"))


def _parse(text: str) -> Pairs:
    # Bytes of the query that are no UTF-8 come as surrogates.
    clean = text.encode(errors="surrogateescape").decode(errors="replace")
    try:
        pairs = parse_qsl(clean, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidRequest("There are too many parameters.") from None
    return [(name.strip(), value.strip()) for name, value in pairs]


def _multipart(content_type: str, body: bytes) -> Pairs:
    """The texts of a multipart form, as some HTTP libraries send every form.

    The standard library reads mail of every age, and takes twenty seconds for 60 kB of quotes.
    """
    found = _BOUNDARY.search(content_type)
    pieces = (b"\r\n" + body).split(f"\r\n--{found[1]}".encode(), _MOST_FIELDS) if found else []
    if len(pieces) < 2:
        raise InvalidRequest("The form could not be read.")
    if len(pieces) > _MOST_FIELDS:
        raise InvalidRequest("There are too many parameters.")
    return [pair for piece in pieces[1:] if (pair := _field(piece))]


def _field(piece: bytes) -> tuple[str, str] | None:
    """A text with its name; None for a file, and for what follows the end of the form."""
    head, found, content = piece.partition(b"\r\n\r\n")
    if not found or len(head) > _LONGEST_HEAD or _FILE(head):
        return None
    name = _NAME(head)
    if name is None:
        return None
    bare = name[2] or _ESCAPED.sub(rb"\1", name[1] or b"")
    return bare.decode(errors="replace").strip(), content.decode(errors="replace").strip()
