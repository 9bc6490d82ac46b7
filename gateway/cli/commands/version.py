"""The command `version`."""

from importlib.metadata import version as version_of

import click


@click.command()
def version() -> None:
    """Print the version of this program."""
    click.echo(f"getatext-gateway {version_of('getatext-gateway')}")
