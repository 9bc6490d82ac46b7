"""Requests of OAuth as the SDK's handlers want them, and what these do not look at."""

import base64
import binascii
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from gateway.core.auth.oauth import redirects
from gateway.core.auth.oauth.clients import GRANT_TYPES
from mcp_server.oauth.addresses import REVOKE, TOKEN, Addresses

FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 50
_HINTS = ("access_token", "refresh_token")
Pairs = list[tuple[str, str]]


class OAuthError(Exception):
    """A refusal by the code of an RFC, which the person or program is told as JSON."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description

    def body(self) -> bytes:
        """The JSON of RFC 6749, section 5.2."""
        return json.dumps({"error": self.code, "error_description": self.description}).encode()


def read_pairs(raw: str) -> Pairs:
    """The fields of a query or form. Raises OAuthError for too many, or one that is repeated.

    Only `resource` may be (RFC 8707).
    """
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise OAuthError("invalid_request", "there are too many parameters") from None
    names = [name for name, _ in pairs if name != "resource"]
    if len(set(names)) != len(names):
        raise OAuthError("invalid_request", "a parameter is repeated")
    return pairs


def authorization(pairs: Pairs) -> bytes:
    """An authorization request's fields for the SDK."""
    if "code_challenge_method" not in dict(pairs):
        pairs = [*pairs, ("code_challenge_method", "plain")]  # what it means (RFC 7636)
    return urlencode(pairs).encode()


def form(path: str, pairs: Pairs, header: str, addresses: Addresses) -> bytes:
    """The form of a token request or a revocation for the SDK.

    `header` is that of Authorization. Raises OAuthError for another resource or grant.
    """
    given = dict(pairs)
    if path == TOKEN and given.get("grant_type") not in GRANT_TYPES:
        code = "unsupported_grant_type" if "grant_type" in given else "invalid_request"
        raise OAuthError(code, f"grant_type: one of {', '.join(GRANT_TYPES)}")
    for name, value in pairs:
        if name == "resource" and not addresses.is_resource(value):
            raise OAuthError("invalid_target", f"resource: is {addresses.resource} here")
    if "client_id" not in given and (client_id := _basic_id(header)) is not None:
        pairs = [*pairs, ("client_id", client_id)]  # the header is enough (RFC 6749, 2.3.1)
    if path == REVOKE:
        # Public clients have no secret; hints that are unknown are ignored (RFC 7009).
        pairs = [p for p in pairs if p[0] != "token_type_hint" or p[1] in _HINTS]
        pairs += [] if "client_secret" in given else [("client_secret", "")]
    return urlencode(pairs).encode()


def check_redirect(pairs: Pairs, registered: tuple[str, ...]) -> None:
    """Raise OAuthError unless the redirect URI is registered as it is written.

    The SDK compares URIs as they are understood.
    """
    named = dict(pairs).get("redirect_uri")
    if named is not None and not redirects.is_registered(named, registered):
        raise OAuthError("invalid_request", "redirect_uri: is not registered for this client")


def refusal(location: str, body: str) -> OAuthError:
    """What the SDK refuses of an authorization request: by a redirect to its client, or by JSON."""
    told = dict(parse_qsl(urlsplit(location).query)) if location else json.loads(body)
    return OAuthError(told.get("error", "invalid_request"), told.get("error_description") or "")


def _basic_id(header: str) -> str | None:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client_id, colon, _ = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return None
    return unquote_plus(client_id) if colon else None


def is_form(headers: Mapping[str, str]) -> bool:
    """Whether a body is said to be a form."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == FORM
