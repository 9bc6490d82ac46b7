"""The command `openapi`: prints the document, writes it to its file, or compares the two."""

import sys
from itertools import zip_longest
from pathlib import Path

import click

from gateway.cli.exit_codes import FAILED

FILE = "openapi.yaml"
SERVER = "http://127.0.0.1:8080"


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="How it is written.",
)
@click.option("--server", default=SERVER, show_default=True, help="The server's address in it.")
@click.option("--write", is_flag=True, help=f"Rewrite {FILE} in this folder.")
@click.option("--check", is_flag=True, help=f"Exit with 1 where {FILE} in this folder differs.")
def openapi(form: str, server: str, write: bool, check: bool) -> None:
    """Print the OpenAPI document, or keep the committed file the same as it."""
    from gateway.http.rest.openapi import document, to_json, to_yaml

    if write and check:
        raise click.UsageError("--write and --check exclude each other.")
    if not (write or check):
        made = document(server)
        click.echo((to_json if form == "json" else to_yaml)(made).rstrip("\n"))
        return
    made_text, path = to_yaml(document(SERVER)), Path(FILE)
    if write:
        path.write_text(made_text, encoding="utf-8")
        return
    difference = first_difference(_read(path), made_text)
    if difference:
        click.echo(f"{FILE} is out of date. {difference}", err=True)
        click.echo("Write it anew: getatext-gateway openapi --write", err=True)
        sys.exit(FAILED)


def first_difference(committed: str | None, made: str) -> str:
    """The first line in which two documents differ, as a sentence; "" where none does."""
    if committed is None:
        return "There is no such file in this folder."
    if committed == made:
        return ""
    pairs = zip_longest(committed.splitlines(), made.splitlines())
    for number, (old, new) in enumerate(pairs, 1):
        if old != new:
            return f"Line {number} is {_quoted(old)}, but should be {_quoted(new)}."
    return "Their line ends differ."


def _quoted(line: str | None) -> str:
    return "missing" if line is None else f'"{line.strip()}"'


def _read(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
