"""Reads the text fields of a multipart form, as some HTTP libraries send every form."""

import logging

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.core.model.errors import InvalidRequest

Pairs = list[tuple[str, str]]

_UNREADABLE = "The form could not be read."
_LONGEST_HEADER = 1000  # bytes of one line
_MOST_OPTIONS = 10  # of a Content-Disposition; reading thousands of them takes 0.1 s

# It warns of every malformed form, which anybody can send; the refusal says as much.
logging.getLogger("python_multipart").setLevel(logging.ERROR)


def read_multipart(content_type: str, body: bytes, max_fields: int) -> Pairs:
    """Names and values in their order, stripped of blanks; files are left out.

    Raises InvalidRequest for a form that is malformed or has more than `max_fields` parts.
    """
    form = _Form(max_fields)
    try:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if boundary:
            _parser(boundary, form).write(body)
    except (FormParserError, UnicodeError):  # UnicodeError: bytes that no boundary may hold
        raise InvalidRequest(_UNREADABLE) from None
    if not (form.parts or form.ended):
        raise InvalidRequest(_UNREADABLE)
    form.end_part()  # of a form without its closing delimiter
    return form.fields


def _parser(boundary: bytes, form: "_Form") -> MultipartParser:
    return MultipartParser(
        boundary,
        {
            "on_part_begin": form.begin_part,
            "on_header_field": form.header_name,
            "on_header_value": form.header_value,
            "on_part_data": form.data,
            "on_part_end": form.end_part,
            "on_end": form.end,
        },
        max_header_size=_LONGEST_HEADER,
    )


class _Form:
    """Collects the fields from the parser's callbacks, each of which gets a whole token.

    That holds because the body is given to the parser in one piece.
    """

    def __init__(self, max_fields: int) -> None:
        self.fields: Pairs = []
        self.parts = 0
        self.ended = False
        self._max_fields = max_fields
        self._header = b""
        self._name: bytes | None = None
        self._data = bytearray()

    def begin_part(self) -> None:
        self.parts += 1
        if self.parts > self._max_fields:
            raise InvalidRequest("There are too many parameters.")
        self._name = None
        self._data.clear()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header = data[start:end].lower()

    def header_value(self, data: bytes, start: int, end: int) -> None:
        value = data[start:end]
        if self._header != b"content-disposition" or value.count(b";") > _MOST_OPTIONS:
            return
        kind, options = parse_options_header(value)
        is_file = b"filename" in options or b"filename*" in value.lower()
        self._name = options.get(b"name") if kind == b"form-data" and not is_file else None

    def data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def end_part(self) -> None:
        if self._name is not None:
            # The library unescapes quotes alone, and aiohttp's clients escape blanks, too.
            raw = self._name.replace(b"\\", b""), self._data
            name, value = (text.decode(errors="replace").strip() for text in raw)
            self.fields.append((name, value))
        self._name = None

    def end(self) -> None:
        self.ended = True
