"""Multipart forms as HTTP libraries write them, and as nobody should."""

import pytest

from gateway.core.model.errors import InvalidRequest
from gateway.http.wire.multipart import Pairs, read_multipart

TYPE = "multipart/form-data; boundary=x"
END = b"--x--\r\n"


def part(head: str, content: str = "1") -> bytes:
    return f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n".encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (END, []),
        (part("name=a") + END, [("a", "1")]),
        (part("name=a"), [("a", "1")]),
        (part('name=" a "', " 1\r\n") + END, [("a", "1")]),
        (part('name="\\ a"') + END, [("a", "1")]),
        (part('name="é"', "ü") + END, [("é", "ü")]),
        (part(r'name="a\"b"') + END, [('a"b', "1")]),
        (part("name=a") + part("name=a", "2") + END, [("a", "1"), ("a", "2")]),
        (part('name=a; filename=""') + END, []),
        (part("name=a; filename*=utf-8''b") + END, []),
        (b"--x\r\nContent-Type: text/plain\r\n\r\n1\r\n" + END, []),
    ],
)
def test_the_texts_of_a_form_are_its_fields(body: bytes, expected: Pairs) -> None:
    assert read_multipart(TYPE, body, 100) == expected


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", part("name=a") + END),
        ("multipart/form-data; boundary=\udc80", part("name=a") + END),
        (f"multipart/form-data; boundary={'x' * 300}", part("name=a") + END),
        (TYPE, b""),
        (TYPE, b"{}"),
        (TYPE, b"--y--\r\n"),
        (TYPE, part("name=" + "a" * 1000) + END),
        (TYPE, part("name=a") * 3 + END),
    ],
)
def test_a_form_that_cannot_be_read_or_is_too_long_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_multipart(kind, body, 2)
