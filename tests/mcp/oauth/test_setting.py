"""Where OAuth may be turned on."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.gateway import settings


@pytest.mark.parametrize(
    "given",
    [
        {"gateway_public_url": "https://gateway.example.com"},
        {"gateway_public_url": "https://gateway.example.com/getatext", "gateway_host": "0.0.0.0"},
        {"gateway_public_url": "http://127.0.0.1:8080", "gateway_host": "0.0.0.0"},
        {"gateway_public_url": "http://[::1]:8080"},
        {"gateway_public_url": "http://localhost:8080"},
        {},
        {"gateway_host": "::1"},
    ],
)
def test_it_is_taken_over_https_and_on_this_machine(given: dict[str, Any]) -> None:
    assert settings("http://127.0.0.1:9", gateway_oauth=True, **given).gateway_oauth


@pytest.mark.parametrize(
    "given",
    [
        {"gateway_public_url": "http://gateway.example.com"},
        {"gateway_public_url": "http://10.0.0.5:8080"},
        {"gateway_host": "0.0.0.0"},
        {"gateway_host": "unix:/run/gateway.sock"},
    ],
)
def test_it_is_refused_where_keys_would_go_in_the_clear(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="needs a GATEWAY_PUBLIC_URL of https"):
        settings("http://127.0.0.1:9", gateway_oauth=True, **given)
