"""OAuth: clients that registered themselves, and what a person allows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from gateway.core.model.callers import GATEWAY_KEY_PREFIX
from gateway.core.model.values import Frozen

_PREFIXES = MappingProxyType({"access": "oat_", "refresh": "ort_", "code": "oac_"})

Dollars = Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=2, allow_inf_nan=False)]


class TokenKind(StrEnum):
    """What a token, or a code, is good for."""

    ACCESS = "access"
    REFRESH = "refresh"
    CODE = "code"

    @property
    def prefix(self) -> str:
        """What such a token begins with.

        The prefix of a gateway key comes first, so that no face sends it to the provider as one of
        the provider's keys.
        """
        return GATEWAY_KEY_PREFIX + _PREFIXES[self]


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A client as it registered itself: nothing it says of itself is verified.

    `auth_method`: how it proves at the token endpoint who it is, by the word of RFC 7591.
    """

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    auth_method: str
    grant_types: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a client asks a person to allow: a checked authorization request.

    `redirect_given`: the client named the redirect URI, so that it has to name it again for the
    code. `resource`: the URL of the /mcp that it asks for. `nonce`: tells apart two of the same
    request.
    """

    client_id: str
    redirect_uri: str
    redirect_given: bool
    code_challenge: str
    resource: str
    scope: str = ""
    state: str | None = None
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code, known by its hash, that a client exchanges once for the tokens of a child key."""

    hashed: str = field(repr=False)
    key_id: str
    sign_in: SignIn
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OAuthToken:
    """A token, known by its hash. All tokens of one child key are a family: they end together.

    `used_at`: when a refresh token was exchanged for newer ones.
    """

    hashed: str = field(repr=False)
    kind: TokenKind
    client_id: str
    key_id: str
    resource: str
    scope: str
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TokenPair:
    """New tokens in the clear, to be told once. `expires_in`: seconds of the access token."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in: int
    scope: str


class GrantAsked(Frozen):
    """The limits that a person gives a child key. Amounts in USD."""

    max_price: Dollars = Field(Decimal("1.00"), description="Highest price of a rental")
    budget_day: Dollars = Field(Decimal("5.00"), description="Most a day")
    max_per_day: int = Field(10, ge=1, le=1000, description="Rentals a day")
    days: int = Field(30, ge=1, le=365, description="Days until it ends")


LABELS: Mapping[str, str] = MappingProxyType(
    {name: field.description or name for name, field in GrantAsked.model_fields.items()}
)
"""What a person calls each of the limits."""
