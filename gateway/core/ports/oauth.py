"""Port of what OAuth stores: clients, codes and tokens. Child keys are rows of the port `Keys`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from gateway.core.model.audit import AuditRecord
from gateway.core.model.callers import GatewayKey
from gateway.core.model.oauth import AuthorizationCode, OAuthClient, OAuthToken


class TooManyChildren(Exception):
    """A key has as many living children as it may; nothing was stored."""


class AlreadyAnswered(Exception):
    """A sign-in led to a code before; nothing was stored."""


class TooManyClients(Exception):
    """As many clients without a token are remembered as may be; nothing was stored."""


class OAuthStore(Protocol):
    """Stores clients, and codes and tokens by their hashes, for all nodes."""

    async def register(self, client: OAuthClient, kept_until: datetime, most: int) -> None:
        """Store a client, until then if it gets no token.

        Raises TooManyClients where so many are kept that never got one.
        """

    async def client(self, client_id: str) -> OAuthClient | None:
        """The client with this id."""

    async def grant(
        self, key: GatewayKey, code: AuthorizationCode, audit: AuditRecord, most: int
    ) -> None:
        """Store a child key and the code that leads to it, both or neither.

        Raises NameTaken; TooManyChildren where its parent has so many living ones; AlreadyAnswered
        where the same sign-in led to a code before.
        """

    async def code(self, hashed: str) -> AuthorizationCode | None:
        """The code with this hash, used or expired ones too."""

    async def redeem(
        self, hashed: str, tokens: Sequence[OAuthToken], at: datetime, kept_until: datetime
    ) -> bool:
        """Use a code up for tokens; its client is kept until then.

        False, and nothing is stored, where it was used before, if only a moment ago by another
        node, or has expired.
        """
        ...

    async def token(self, hashed: str) -> OAuthToken | None:
        """The token with this hash, used or expired ones too."""

    async def rotate(
        self, hashed: str, tokens: Sequence[OAuthToken], at: datetime, kept_until: datetime
    ) -> bool:
        """Use a refresh token up for newer ones, as `redeem` does a code."""
        ...

    async def unredeemed(self, before: datetime) -> Sequence[str]:
        """The ids of the unrevoked keys whose code expired before that without being used."""
        ...

    async def purge(self, before: datetime, at: datetime) -> None:
        """Delete codes and tokens that expired before that, and clients kept until `at`."""
