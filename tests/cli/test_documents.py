"""What documents tell people to type exists: commands, options, settings, files, make's targets."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli.main import cli
from gateway.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
# What may stand before the program where it is run.
BEFORE = r"(?:^|sudo |=\S+ |-- |exec gateway |\$\()"
RUNBOOKS = ("Unknown outcome", "Provider down", "Database down", "Key leaked", "Abuse report")


def code(text: str) -> Iterator[str]:
    """Each line of the blocks of code, and what stands between backquotes on its line or two."""
    for block in re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        yield from re.sub(r"\\\n\s*", "", block).splitlines()
    prose = re.sub(r"^ *```\w*\n.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose))


def commands(text: str) -> Iterator[list[str]]:
    """The words after the program's name, wherever it is run."""
    for line in code(text):
        for found in re.finditer(BEFORE + r"getatext-gateway ([^|>;&)]+)", line.strip()):
            if words := shlex.split(found[1], comments=True):
                yield words


def unknown(words: list[str]) -> str | None:
    """The first word of these that the command line does not know; None where it knows all."""
    command: click.Command = cli
    # With the settings of its own: a command keeps the names of its help option, once asked.
    ctx, rest = click.Context(cli, **cli.context_settings), list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith(("-", "…")):
        found = command.get_command(ctx, word := rest.pop(0))
        if found is None:
            return word
        command, ctx = found, click.Context(found, parent=ctx, **found.context_settings)
    known = {name for each in command.get_params(ctx) for name in each.opts + each.secondary_opts}
    given = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    return next((word for word in given if word not in known), None)


@each_document
def test_the_commands_and_their_options_exist(document: Path) -> None:
    told = list(commands(document.read_text(encoding="utf-8")))

    assert [" ".join(words) for words in told if unknown(words)] == []


def test_a_command_and_an_option_that_are_none_would_be_found() -> None:
    spans = "`getatext-gateway keys lst` and `getatext-gateway keys list --jsn`"
    text = f"{spans}\n```sh\nsudo getatext-gateway lgr\n```\n"

    assert [unknown(words) for words in commands(text)] == ["lgr", "lst", "--jsn"]
    assert len(list(commands((ROOT / "docs" / "operate.md").read_text()))) > 20


@each_document
def test_the_settings_exist(document: Path) -> None:
    named = set(re.findall(r"\b(?:GATEWAY|GETATEXT)_[A-Z_]+\b", document.read_text()))

    assert named <= {name.upper() for name in Settings.model_fields} | {"GATEWAY_CONFIG"}


@each_document
def test_the_files_and_the_targets_of_make_exist(document: Path) -> None:
    spans = list(code(document.read_text(encoding="utf-8")))
    names = {word for span in spans for word in span.split() if "/" in word}
    folders = tuple(f"{path.name}/" for path in ROOT.iterdir() if path.is_dir())
    named = {name.rstrip(".,:;/") for name in names if name.startswith(folders)}
    files = {re.sub(r"<\w+>", "*", name) for name in named}
    targets = {found[1] for span in spans if (found := re.match(r"make ([a-z][a-z-]*)$", span))}
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert [name for name in files if not any(ROOT.glob(name))] == []
    assert phony
    assert targets <= set(phony[1].split())


def test_the_runbooks_have_the_headings_that_alerts_point_to() -> None:
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")

    assert tuple(re.findall(r"^### (.*)$", text, re.MULTILINE)) == RUNBOOKS
