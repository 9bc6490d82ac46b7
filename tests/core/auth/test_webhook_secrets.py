"""Secrets of webhooks are derived: the same ones again, and of nothing else."""

import base64
from itertools import product

import pytest
from standardwebhooks.webhooks import Webhook

from gateway.core.auth.webhook_secrets import WebhookSecrets

IDS = ("wh_" + "5e" * 12, "wh_" + "5f" * 12)


def every(secret: bytes) -> list[str]:
    secrets = WebhookSecrets(secret)
    pairs = list(product(IDS, (1, 2, 11)))
    return [secrets.signing(*pair) for pair in pairs] + [
        secrets.delete_token(*pair) for pair in pairs
    ]


def test_every_node_derives_the_same_ones() -> None:
    assert every(b"shared") == every(b"shared")


def test_they_differ_by_webhook_generation_purpose_and_gateway() -> None:
    made = every(b"one") + every(b"another")
    raw = [base64.urlsafe_b64decode(_plain(each))[:24] for each in made]

    assert len(set(raw)) == len(made) == 24


def _plain(secret: str) -> str:
    return secret.removeprefix("whsec_").replace("+", "-").replace("/", "_")


def test_a_signing_secret_is_what_the_standard_takes() -> None:
    secret = WebhookSecrets(b"one").signing(IDS[0], 1)

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    Webhook(secret)


def test_a_delete_token_opens_its_webhook_and_no_other() -> None:
    secrets = WebhookSecrets(b"one")
    token = secrets.delete_token(IDS[0], 1)

    assert len(token) == 32
    assert token.replace("-", "").replace("_", "").isalnum()
    assert secrets.opens(token, IDS[0], 1)
    assert not secrets.opens(token, IDS[1], 1)
    assert not secrets.opens(token, IDS[0], 2)
    assert not WebhookSecrets(b"another").opens(token, IDS[0], 1)


@pytest.mark.parametrize(
    "odd", ["", " ", "x", "\u0663" * 32, "\x00", "\udcff", "A" * 10_000, "whsec_AAAA"]
)
def test_no_odd_token_opens_or_breaks_it(odd: str) -> None:
    secrets = WebhookSecrets(b"one")
    token = secrets.delete_token(IDS[0], 1)

    assert not secrets.opens(odd, IDS[0], 1)
    assert not secrets.opens(token + odd, IDS[0], 1) or odd == ""
    assert not secrets.opens(secrets.signing(IDS[0], 1), IDS[0], 1)


def test_neither_shows_in_what_is_printed_of_them() -> None:
    assert "one-secret" not in repr(WebhookSecrets(b"one-secret"))
