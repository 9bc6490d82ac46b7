"""The SDK's handlers of OAuth, which need its import of a second."""

from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions
from pydantic import AnyHttpUrl

from gateway.core.auth.oauth.service import OAuth
from mcp_server.oauth.addresses import Addresses
from mcp_server.oauth.provider import AuthorizationServer
from mcp_server.transport.asgi_bridge import Asgi


def applications(oauth: OAuth, addresses: Addresses) -> dict[str, Asgi]:
    """An application for each endpoint, by its path."""
    routes = create_auth_routes(
        AuthorizationServer(oauth, addresses),
        AnyHttpUrl(addresses.base),
        client_registration_options=ClientRegistrationOptions(enabled=True),
        revocation_options=RevocationOptions(enabled=True),
    )
    return {route.path: route.handle for route in routes}
