"""The command `provider-webhook`: what to enter in the profile at the provider."""

import click

from gateway.cli.lazy import MISUSED


@click.command("provider-webhook")
def provider_webhook() -> None:
    """Print the address for the webhook of the account of GETATEXT_API_KEY.

    The address holds a secret: whoever knows it can wake the gateway. Set GATEWAY_PUBLIC_URL so
    that it begins as the provider can reach it.
    """
    from gateway.cli.configuration import read_settings
    from gateway.cli.session import KEY_ADVICE, NO_KEY, with_gateway
    from gateway.core.codes.webhooks import webhook_secret
    from gateway.wiring import Gateway

    settings = read_settings()
    key = settings.getatext_api_key
    if key is None:
        click.echo(f"Error: {NO_KEY} {KEY_ADVICE}", err=True)
        raise SystemExit(MISUSED)
    base = settings.gateway_public_url or (
        f"http://{settings.gateway_host}:{settings.gateway_port}"
    )

    async def secret(gateway: Gateway) -> str:
        own = settings.getatext_webhook_secret
        if own is not None:
            return own.get_secret_value()
        return webhook_secret(gateway.hasher, gateway.hasher.name(key.get_secret_value()))

    click.echo(f"{str(base).rstrip('/')}/webhooks/getatext/{with_gateway(secret)}")
