"""Which of a caller's words are said again, and which may be a key."""

import pytest

from gateway.core.model.redact import REDACTED, holds_key, redacted, redacted_uri

SAID = [
    "colour",
    "service",
    "page",
    "api_key",
    "maxPrice",
    "X-Api-Key",
    "area_codes2",
    "auto_renew",
]
NOT_SAID = [
    "sk_live", "SK_live", "sk-live", "gtw_abc", "my_sk_abc", "d41c0e77", "no/usual+key=d41c0e77",
    "a" * 16, "a_b_c_d_e", "max price", "", "\u00e9", "0b5f9c8e4d3a2f1b", "x" * 10_000,
    "AbCdEfGhIjKlMnOpQrSt", "key\n",
]  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_a_plain_name_is_said_again(name: str) -> None:
    assert redacted(name) == name


@pytest.mark.parametrize("name", NOT_SAID)
def test_what_may_be_a_key_is_not(name: str) -> None:
    assert redacted(name) == REDACTED


URIS = [
    ("prices://catalog", True), ("rental://12345", True), ("other://x", True),
    ("rental://sk_live", False), ("rental://d41c0e77", False), ("rental://1?key=x", False),
    ("rental://no%2Fusual%2Bkey%3Dd41c0e77", False), ("gtw_0b5f://x", False),
]  # fmt: skip


@pytest.mark.parametrize(("uri", "said"), URIS)
def test_a_uri_is_said_again_where_it_is_like_ours(uri: str, said: bool) -> None:
    assert redacted_uri(uri) == (uri if said else None)


HOLDS = [
    ("order sk_mine_93b2", "sk_mine_93b2", True),
    ("order 1", "sk_mine_93b2", False),
    ("whatsapp", "w", False),
    ("gtw_" + "x" * 32, "sk_mine_93b2", True),
    ("gtw_order-1", "sk_mine_93b2", False),
]


@pytest.mark.parametrize(("text", "key", "holds"), HOLDS)
def test_a_text_that_holds_a_key_is_known(text: str, key: str, holds: bool) -> None:
    assert holds_key(text, key) is holds
