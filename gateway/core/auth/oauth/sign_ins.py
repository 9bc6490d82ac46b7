"""Sign-ins under way: sealed into the page that asks, so that any node can go on with them."""

import base64
import hmac
import json
import secrets
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from gateway.core.auth.authentication import KeyHasher
from gateway.core.model.oauth import SignIn
from gateway.core.ports.clock import Clock

LASTS = timedelta(minutes=15)
# No key has a line break, so no key has the same hash.
_SEAL, _FORM = "oauth\nsign-in\n", "oauth\nform\n"


class SignIns:
    """Seals sign-ins: what comes back is what was checked, and not old."""

    def __init__(self, hasher: KeyHasher, clock: Clock) -> None:
        self._hasher = hasher
        self._clock = clock

    def seal(self, sign_in: SignIn) -> str:
        """The sign-in as a text for a URL, good for `LASTS` and for one consent."""
        once = replace(sign_in, nonce=secrets.token_urlsafe(12))
        until = (self._clock.now() + LASTS).timestamp()
        text = json.dumps([until, asdict(once)])
        packed = base64.urlsafe_b64encode(text.encode()).decode()
        return f"{packed}.{self._hasher.name(_SEAL + packed)}"

    def unseal(self, sealed: str) -> SignIn | None:
        """The sign-in, where it was sealed here or on another node, and has not ended."""
        packed, _, seal = sealed.partition(".")
        if not sealed.isascii() or not hmac.compare_digest(self._hasher.name(_SEAL + packed), seal):
            return None
        until, fields = json.loads(base64.urlsafe_b64decode(packed))
        if datetime.fromtimestamp(until, self._clock.now().tzinfo) <= self._clock.now():
            return None
        return SignIn(**fields)

    def form_token(self, sealed: str, browser: str) -> str:
        """What a form must carry that was shown for this sign-in to this browser."""
        return self._hasher.name(f"{_FORM}{browser}\n{sealed}")
