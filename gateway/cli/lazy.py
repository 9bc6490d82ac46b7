"""A group of commands that are imported when one of them runs, not when they are listed."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

import click

from gateway.cli.verbs import Verb

OK, FAILED, MISUSED, UNKNOWN, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is ("module:attribute"); with a verb the attribute makes it from that."""

    target: str
    help: str
    verb: Verb | None = None

    def load(self) -> click.Command:
        """The command itself."""
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(module), attribute)
        command = found if self.verb is None else found(self.verb)
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command


def verb_entries(verbs: tuple[Verb, ...]) -> dict[str, Entry]:
    """The entries of commands that run operations."""
    target = "gateway.cli.operations:make_command"
    return {verb.name: Entry(target, verb.help, verb) for verb in verbs}


class LazyGroup(click.Group):
    """Lists its commands from a table, by section; loads one when it is called for."""

    def __init__(self, name: str, sections: Mapping[str, Mapping[str, Entry]], **more: str) -> None:
        """`more` is help and epilog."""
        super().__init__(name, help=more.get("help"), epilog=more.get("epilog"))
        self._sections = sections
        self._entries = {name: e for entries in sections.values() for name, e in entries.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, in reading order."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        entry = self._entries.get(cmd_name)
        return entry.load() if entry else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without loading anything."""
        widest = max(map(len, self._entries))
        for title, entries in self._sections.items():
            with formatter.section(title):
                rows = [(name.ljust(widest), entry.help) for name, entry in entries.items()]
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; Ctrl-C ends it without a word, and with the code shells expect."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
