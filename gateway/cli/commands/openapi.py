"""The command `openapi`: prints the documents, writes them to their files, or compares them."""

import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click

from gateway.cli.exit_codes import FAILED

FILES = {
    "3.1": "openapi.yaml",
    "3.0": "docs/openapi/openapi-3.0.json",
    "2.0": "docs/openapi/swagger.json",
}
SERVER = "http://127.0.0.1:8080"


def _server(context: click.Context, parameter: click.Parameter, given: str) -> str:
    from gateway.http.documents.dialects import check_server

    try:
        return check_server(given)
    except ValueError as fault:
        raise click.BadParameter(f"{given!r} {fault}.") from fault


@click.command()
@click.option(
    "--spec",
    type=click.Choice(list(FILES)),
    default="3.1",
    show_default=True,
    help="OpenAPI 3.1 or 3.0, or Swagger 2.0.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["yaml", "json"]),
    help="How it is written; by default 3.1 as YAML, the others as compact JSON.",
)
@click.option(
    "--server",
    default=SERVER,
    show_default=True,
    callback=_server,
    help="The server's address in it.",
)
@click.option("--all", "whole", is_flag=True, help="With what only operators use.")
@click.option("--write", is_flag=True, help="Rewrite the committed documents in this folder.")
@click.option("--check", is_flag=True, help="Exit with 1 where a committed document differs.")
def openapi(
    spec: str, form: str | None, server: str, whole: bool, write: bool, check: bool
) -> None:
    """Print the OpenAPI document, or keep the committed files the same as what is made."""
    from gateway.http.documents.dialects import to_json, to_yaml

    if write and check:
        raise click.UsageError("--write and --check exclude each other.")
    if write:
        _write()
    elif check:
        _check()
    else:
        made = _document(spec, server, whole=whole)
        written = to_yaml if (form or ("yaml" if spec == "3.1" else "json")) == "yaml" else to_json
        click.echo(written(made).rstrip("\n"))


def committed_texts() -> Iterator[tuple[str, str]]:
    """What each committed file should hold: every operation, JSON in lines for reviews."""
    from gateway.http.documents.dialects import to_json, to_yaml

    for spec, file in FILES.items():
        made = _document(spec, SERVER, whole=True)
        yield file, to_yaml(made) if file.endswith(".yaml") else to_json(made, indent=2)


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


def _document(spec: str, server: str, *, whole: bool) -> dict[str, Any]:
    from gateway.http.documents.dialects import DIALECTS
    from gateway.http.documents.openapi import document

    return DIALECTS[spec](document(server, whole=whole))


def _write() -> None:
    for file, text in committed_texts():
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(text, encoding="utf-8")


def _check() -> None:
    out_of_date = False
    for file, text in committed_texts():
        difference = first_difference(_read(Path(file)), text)
        if difference:
            click.echo(f"{file} is out of date. {difference}", err=True)
            out_of_date = True
    if out_of_date:
        click.echo("Write it anew: getatext-gateway openapi --write", err=True)
        sys.exit(FAILED)


def _quoted(line: str | None) -> str:
    return "missing" if line is None else f'"{line.strip()}"'


def _read(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
