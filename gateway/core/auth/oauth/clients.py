"""The clients that register themselves."""

import re
from datetime import timedelta

from gateway.core.auth.authentication import KeyHasher
from gateway.core.auth.oauth import redirects
from gateway.core.model.errors import GatewayBusy
from gateway.core.model.oauth import OAuthClient
from gateway.core.ports.clock import Clock
from gateway.core.ports.oauth import OAuthStore, TooManyClients

KEPT = timedelta(days=1)
"""How long a client is remembered without a token."""
MOST_WITHOUT_TOKEN = 1000
GRANT_TYPES = ("authorization_code", "refresh_token")
_RETRY_SECONDS = 600.0
_FULL = "Each is forgotten after a day: try again later."
_MOST_URIS = 10
_LONGEST_NAME = 60
_NAMELESS = "OAuth client"
_ID = re.compile(r"[0-9a-f-]{36}").fullmatch
_SECRET = "oauth\nclient\n"  # noqa: S105 - no key has a line break, so no key has the same hash


class NotRegistrable(ValueError):
    """A redirect URI that no client may have; the message says why."""


class OAuthClients:
    """Registers and finds clients."""

    def __init__(self, store: OAuthStore, hasher: KeyHasher, clock: Clock) -> None:
        self._store = store
        self._hasher = hasher
        self._clock = clock

    async def register(
        self,
        client_id: str,
        name: str | None,
        redirect_uris: tuple[str, ...],
        auth_method: str,
        grant_types: tuple[str, ...],
    ) -> None:
        """Store a new client. Raises NotRegistrable, and GatewayBusy where there are too many."""
        if not 0 < len(redirect_uris) <= _MOST_URIS:
            raise NotRegistrable(f"a client has 1 to {_MOST_URIS} redirect URIs")
        for uri in redirect_uris:
            if (fault := redirects.fault(uri)) is not None:
                raise NotRegistrable(fault)
        now = self._clock.now()
        client = OAuthClient(
            client_id, _shown(name or ""), redirect_uris, auth_method, grant_types, now
        )
        try:
            await self._store.register(client, now + KEPT, MOST_WITHOUT_TOKEN)
        except TooManyClients:
            raise GatewayBusy(
                f"In a day {MOST_WITHOUT_TOKEN} clients have registered that never got a token.",
                advice=_FULL,
                retry_after=_RETRY_SECONDS,
            ) from None

    async def find(self, client_id: str) -> OAuthClient | None:
        """The client with this id, if any is registered so."""
        return await self._store.client(client_id) if _ID(client_id) else None

    def secret_of(self, client_id: str) -> str:
        """The secret of a client that has one: made of its id, and stored nowhere."""
        return self._hasher.name(f"{_SECRET}{client_id}")


def _shown(name: str) -> str:
    """A name as it can be shown and told apart: printable, with single spaces, not long."""
    printable = "".join(each if each.isprintable() else " " for each in name)
    return " ".join(printable.split())[:_LONGEST_NAME].strip() or _NAMELESS
