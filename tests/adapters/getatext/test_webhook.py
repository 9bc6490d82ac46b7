from dataclasses import replace

import pytest

from adapters.getatext.webhook import Webhook, read_webhook
from gateway.core.model.errors import InvalidRequest
from tests.adapters.getatext.tables import ENDS, NEW_YORK

SAMPLE = (
    b'{"id":12345,"code":654321,"received_at":"2025-07-06 15:43:37","number":"1234567890",'
    b'"service_name":"Whatsapp"}'
)
CAME = Webhook(
    rental_id=12345,
    code="654321",
    received_at=ENDS,
)
NEWER = SAMPLE[:-1] + b',"status":"completed","cost":"0.55"}'
BARE = Webhook(12345, None, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (SAMPLE, CAME),
        (NEWER, CAME),
        (SAMPLE.replace(b"654321", b'"012345"'), replace(CAME, code="012345")),
        (SAMPLE.replace(b"654321", b"null"), replace(CAME, code=None)),
        (
            b"id=12345&code=012345&received_at=2025-07-06+15%3A43%3A37&number=1234567890"
            b"&service_name=Whatsapp",
            replace(CAME, code="012345"),
        ),
        (b'{"id":"12345","received_at":[],"number":{},"more":1}', BARE),
        (b"id=12345&code=", BARE),
    ],
    ids=[
        "the sample (page)",
        "newer (page)",
        "a code in text (guess)",
        "no code (guess)",
        "a form (guess)",
        "little that can be read (guess)",
        "a form with an empty code (guess)",
    ],
)
def test_a_webhook_is_read(body: bytes, expected: Webhook) -> None:
    assert read_webhook(body, NEW_YORK) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b"{}",
        b'{"id": true}',
        b'{"id": 1, "id": 2}',
        b"[" * 100_000,
        b"id=",
        b"\xff",
        b"id=%ff",
        b"a=1&" * 100,
    ],
    ids=repr,
)
def test_a_webhook_about_no_rental_is_no_webhook(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_webhook(body, NEW_YORK)
