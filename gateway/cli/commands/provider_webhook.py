"""The command `provider-webhook`: what to enter in the profile at the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway.cli.session import own_key, session_settings, with_gateway

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.wiring import Gateway


@click.command("provider-webhook")
def provider_webhook() -> None:
    """Print the address for the webhook of the account of GETATEXT_API_KEY.

    The address holds a secret: whoever knows it can wake the gateway. Set GATEWAY_PUBLIC_URL so
    that it begins as the provider can reach it.
    """
    settings = session_settings()
    key = own_key(settings)
    base = str(settings.gateway_public_url or _own_address(settings)).rstrip("/")

    async def secret(gateway: Gateway) -> str:
        from gateway.core.codes.provider_webhooks import webhook_secret

        own = settings.getatext_webhook_secret
        if own is not None:
            return own.get_secret_value()
        return webhook_secret(gateway.hasher, gateway.hasher.name(key))

    path_secret = with_gateway(secret, settings=settings)
    click.echo(f"{base}/webhooks/getatext/{path_secret}")


def _own_address(settings: Settings) -> str:
    """Where the gateway listens. Raises BadSettings for a Unix socket, which has no URL."""
    from gateway.cli.configuration import BadSettings
    from gateway.http.serving.listening import UNIX, bracketed

    if settings.gateway_host.startswith(UNIX):
        raise BadSettings("GATEWAY_PUBLIC_URL: set it to where the provider reaches the gateway.")
    return f"http://{bracketed(settings.gateway_host)}:{settings.gateway_port}"
