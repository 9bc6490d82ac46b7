"""The command `doctor`: whether everything is there that a gateway with these settings needs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli.exit_codes import FAILED, MISUSED, OK
from gateway.cli.parameters import json_option

if TYPE_CHECKING:
    from gateway.cli.configuration import BadSettings
    from gateway.settings import Settings
    from gateway.wiring import Finding

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}
_INDENT = 7 + 2 + 8 + 2  # of the words beside state and check


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check the settings, the way to the provider, the key, the clock, the ledger and the port.

    Nothing is bought, made, migrated or changed, also while a gateway runs. The exit code is 1 if
    a check failed, and 2 if the settings cannot be read.
    """
    from gateway.cli.configuration import BadSettings, read_settings

    try:
        settings = read_settings()
    except BadSettings as bad:
        _show(_unreadable(bad), as_json=as_json)
        raise SystemExit(MISUSED) from None
    from gateway.telemetry import logs

    logs.configure(settings.gateway_log_format, "error")
    findings = _examined(settings)
    _show(findings, as_json=as_json)
    raise SystemExit(FAILED if any(each.state == "failed" for each in findings) else OK)


def _examined(settings: Settings) -> list[Finding]:
    """What is found; no secret is in it, whoever's words are quoted."""
    from dataclasses import replace

    from gateway.cli.configuration import secrets_of
    from gateway.settings import Settings, misspelt, sources
    from gateway.telemetry.redaction import Redactor
    from gateway.wiring import Finding, State, examine

    clean = Redactor(secrets_of(settings)).text
    findings = [Finding("settings", State.WARNING, warning) for warning in misspelt(Settings)] or [
        Finding("settings", State.OK, f"{len(sources(Settings))} are set; see `config show`.")
    ]
    findings += asyncio.run(examine(settings))
    return [replace(each, found=clean(each.found)) for each in findings]


def _unreadable(bad: BadSettings) -> list[Finding]:
    """What is wrong with each setting; nothing else can be looked at."""
    from gateway.wiring import Finding, State

    faults = [f"{name.upper()} {fault}." for name, fault in bad.faults.items()] or [bad.message]
    return [
        *(Finding("settings", State.FAILED, fault) for fault in faults),
        Finding("others", State.SKIPPED, "They need settings that can be read."),
    ]


def _show(findings: Sequence[Finding], *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        click.echo(json.dumps({"checks": [asdict(each) for each in findings]}, ensure_ascii=False))
        return
    from gateway.cli.cells import printable
    from gateway.cli.table import sentence_lines
    from gateway.cli.words import terminal_width

    width = terminal_width()
    for each in findings:
        words = printable(f"{each.found} {each.advice or ''}".rstrip())
        lines = sentence_lines(words, None if width is None else width - _INDENT)
        state = click.style(f"{each.state:7}", fg=_COLOURS[each.state])
        click.echo(f"{state}  {each.check:8}  " + f"\n{'':{_INDENT}}".join(lines))
