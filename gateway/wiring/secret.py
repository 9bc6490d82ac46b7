"""Checks that the gateway's secret is the one its database was created with."""

import hashlib
import hmac
from functools import partial

import structlog

from adapters.store import Store, StoreError
from adapters.store.secret import SECRET_FILE, finish_restore, secret_for
from gateway.core.auth.authentication import KeyHasher
from gateway.settings import Settings
from gateway.wiring.core import revealed
from gateway.wiring.database import database_url

_CONSTANT = b"getatext-gateway: the check of its secret"
SHORTEST = 32
_BESIDE = f"the file {SECRET_FILE} beside the database"
_MAKE = 'Make one: python3 -c "import secrets; print(secrets.token_hex(32))"'
_UNSURE = (
    "It cannot be told whether the secret is the one this database was made with: no key of "
    "GETATEXT_API_KEY or GATEWAY_KEY is known in it. Set the key that was used with it; or, if you "
    "are sure of the secret, start once with `getatext-gateway serve --trust-secret`."
)
_WRONG = (
    "The secret is not the one this database was made with, so no key and no request id in it "
    "would be known. Restore {} as it was; all nodes on one database have the same. If it is lost "
    "for good, start with a new database."
)

log = structlog.get_logger("gateway.secret")


class WrongSecret(StoreError):
    """The secret is not the database's, so that no key and no request id would be found."""


class WeakSecret(StoreError):
    """The secret is too short for a new database."""


async def agreed_secret(settings: Settings, store: Store, *, trust: bool) -> bytes:
    """The secret, verified against the database. Raises StoreError where it does not match.

    A new database accepts it and stores a check value. One with rows and no check value (of an
    older version) accepts it where a key of the settings is found in it under this secret, or with
    `trust`.
    """
    holds = await store.checks.holds_anything()  # read first: the check is written before any rows
    standing = await store.checks.standing()
    begins = standing is None and not holds
    url, given = database_url(settings), revealed(settings.gateway_secret)
    if standing is not None and given is None:
        finish_restore(url, partial(agrees, standing))
    secret = secret_for(url, given, make=begins)
    if begins:
        _check_length(secret, given)
    if standing is None:
        if holds and not trust and not await store.checks.knows(_hashes(settings, secret)):
            raise WrongSecret(_UNSURE)
        standing = await store.checks.agree(_check(secret))
    if not agrees(standing, secret):
        raise WrongSecret(_WRONG.format(_BESIDE if given is None else "GATEWAY_SECRET"))
    if len(secret) < SHORTEST:
        log.warning("the secret is short", characters=len(secret), at_least=SHORTEST)
    return secret


def agrees(standing: str, secret: bytes) -> bool:
    """Whether the secret is that of a database with this check value."""
    return hmac.compare_digest(standing, _check(secret))


def _check_length(secret: bytes, given: str | None) -> None:
    if len(secret) >= SHORTEST:
        return
    if given is None:
        raise WeakSecret(
            f"The secret in {_BESIDE} has {len(secret)} characters, and needs {SHORTEST}. "
            "Delete the file: a new one is made at the next start."
        )
    raise WeakSecret(f"GATEWAY_SECRET has {len(secret)} characters, and needs {SHORTEST}. {_MAKE}")


def _check(secret: bytes) -> str:
    return hmac.new(secret, _CONSTANT, hashlib.sha256).hexdigest()


def _hashes(settings: Settings, secret: bytes) -> list[str]:
    """The hashes of the keys of the settings."""
    hasher = KeyHasher(secret)
    keys = (revealed(settings.getatext_api_key), revealed(settings.gateway_key))
    return [hasher.name(key) for key in keys if key]
