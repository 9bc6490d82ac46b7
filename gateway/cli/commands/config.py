"""The command `config show`: the settings in force, and where each comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from gateway.cli.exit_codes import MISUSED, OK
from gateway.cli.parameters import json_option

if TYPE_CHECKING:
    from gateway.settings import Settings

DEFAULT = "default"


@click.command()
@click.option("--all", "show_all", is_flag=True, help="Also the settings that nothing sets.")
@json_option
def show(show_all: bool, as_json: bool) -> None:
    """Show the settings in force and where each comes from. Secrets are never shown.

    A setting that cannot be used is shown with what is wrong with it; the exit code is 2 then.
    """
    from gateway.cli.configuration import readable_settings
    from gateway.settings import Settings, misspelt, sources

    settings, faults = readable_settings()
    origins, warnings = sources(Settings), misspelt(Settings)
    if as_json:
        rows = _rows(settings, origins, faults)
        click.echo(json.dumps({"settings": rows, "warnings": warnings}, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(settings, origins, faults, show_all=show_all)))
        for warning in warnings:
            click.echo(f"Warning: {warning}", err=True)
    raise SystemExit(MISUSED if faults else OK)


def _rows(
    settings: Settings, origins: Mapping[str, str], faults: Mapping[str, str]
) -> list[dict[str, object]]:
    """Every setting for a program: `masked` where it is set, and a secret."""
    from pydantic import SecretStr

    from gateway.settings.masking import masked

    return [
        {
            "name": name.upper(),
            "value": None if name in faults else masked(name, value),
            "source": origins.get(name, DEFAULT),
            "masked": isinstance(value, SecretStr),
            "fault": faults.get(name),
        }
        for name, value in _in_force(settings).items()
    ]


def _lines(
    settings: Settings, origins: Mapping[str, str], faults: Mapping[str, str], *, show_all: bool
) -> list[str]:
    """The settings for a person, by where they come from; values are never cut."""
    from gateway.settings.masking import in_words

    texts = {
        name: f"cannot be used: {faults[name]}" if name in faults else in_words(name, value)
        for name, value in _in_force(settings).items()
    }
    lines = []
    for source in dict.fromkeys(origins.values()):
        lines += [f"From {source}:", *_block(texts, [n for n in texts if origins.get(n) == source])]
    others = [name for name in texts if name not in origins]
    if show_all:
        return [*lines, "Set by nothing, so their defaults:", *_block(texts, others)[:-1]]
    rest = f"{len(others)} others have" if lines else f"Nothing is set: all {len(others)} have"
    return [*lines, f"{rest} their defaults; see them with --all."]


def _in_force(settings: Settings) -> dict[str, object]:
    """The value of every setting; of one that follows from others what follows."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    with suppress(RuntimeError):  # no home directory
        values["gateway_data_dir"] = settings.data_dir
    return values | {"gateway_pass_through": settings.pass_through}


def _block(texts: Mapping[str, str], names: list[str]) -> list[str]:
    from gateway.cli.table import Cell, card_lines
    from gateway.cli.words import terminal_width

    fields = [(f"  {name.upper()}", Cell(texts[name])) for name in names]
    return [*card_lines(fields, terminal_width()), ""]
