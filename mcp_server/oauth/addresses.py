"""The addresses of one authorization server, as its clients know them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from gateway.core.auth.hosts import is_loopback

MCP = "/mcp"
CONSENT = "/consent"
AUTHORIZE, TOKEN, REGISTER, REVOKE = "/authorize", "/token", "/register", "/revoke"
ENDPOINTS = (AUTHORIZE, TOKEN, REGISTER, REVOKE)
_RESOURCE = "/.well-known/oauth-protected-resource"
_SERVERS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
_METHODS = ["none", "client_secret_post", "client_secret_basic"]


@dataclass(frozen=True, slots=True)
class Addresses:
    """`base`: the gateway's URL, which is the issuer too, without a slash at the end."""

    base: str

    @property
    def resource(self) -> str:
        """What tokens are for: the URL of /mcp."""
        return self.base + MCP

    @property
    def is_secure(self) -> bool:
        """Whether nobody on the way reads along: by https, or on this machine."""
        parts = urlsplit(self.base)
        return parts.scheme == "https" or is_loopback(parts.hostname or "")

    @property
    def consent(self) -> str:
        """The page that asks a person."""
        return self.base + CONSENT

    @property
    def resource_metadata(self) -> str:
        """Where a client without a token is sent."""
        return f"{self.base}{_RESOURCE}{MCP}"

    def is_resource(self, named: str | None) -> bool:
        """Whether a client means this /mcp, or does not say what it means."""
        if named is None:
            return True
        try:
            parts = urlsplit(named)
        except ValueError:
            return False
        written = parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower())
        return urlunsplit(written).removesuffix("/") == self.resource

    def about_resource(self) -> dict[str, Any]:
        """The document of RFC 9728."""
        return {
            "resource": self.resource,
            "authorization_servers": [self.base],
            "bearer_methods_supported": ["header"],
            "resource_name": "Getatext Gateway",
        }

    def about_server(self) -> dict[str, Any]:
        """The document of RFC 8414."""
        return {
            "issuer": self.base,
            "authorization_endpoint": self.base + AUTHORIZE,
            "token_endpoint": self.base + TOKEN,
            "registration_endpoint": self.base + REGISTER,
            "revocation_endpoint": self.base + REVOKE,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": _METHODS,
            "revocation_endpoint_auth_methods_supported": _METHODS,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }


def resource_paths(below: str) -> list[str]:
    """Where the document about the resource is: with the path of /mcp behind it, and without.

    `below`: the path below which a proxy serves the gateway. Such a proxy may also pass on what is
    asked for at the root of its host, where the RFCs put it.
    """
    return _distinct(_RESOURCE, f"{_RESOURCE}{MCP}", f"{_RESOURCE}{below}{MCP}")


def server_paths(below: str) -> list[str]:
    """Where the document about the authorization server is."""
    return _distinct(*(f"{path}{more}" for path in _SERVERS for more in ("", MCP, below)))


def _distinct(*paths: str) -> list[str]:
    return list(dict.fromkeys(paths))
