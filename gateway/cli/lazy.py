"""A group of commands that are imported when one of them runs, not when they are listed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import click

from gateway.cli.exit_codes import INTERRUPTED
from gateway.cli.verbs import Verb, derived_verbs
from gateway.cli.words import UNWRITABLE, did_you_mean, wrapped

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_ERROR = "Error: "  # how click begins a message
_HELP = {"help_option_names": ["--help", "-h"]}


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
    target = "gateway.cli.operations:OperationCommand"
    return {verb.name: Entry(target, verb.help, verb) for verb in verbs}


class LazyGroup(click.Group):
    """Lists its commands from a table, by section; loads one when it is called for."""

    def __init__(
        self,
        name: str,
        sections: Mapping[str, Mapping[str, Entry | LazyGroup]],
        *,
        verbs_of: str | None = None,
        **texts: str,
    ) -> None:
        """Make it of its table, with help, short_help and epilog in `texts`.

        `verbs_of` names the group of operations whose verbs are its commands, also those verbs
        that are derived and not in the table.
        """
        super().__init__(name, context_settings=dict(_HELP), **texts)  # type: ignore[arg-type]  # all of them are texts
        self._sections = sections
        self._entries = {name: e for entries in sections.values() for name, e in entries.items()}
        self._verbs_of = verbs_of

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name in the table, in reading order."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        entry = self._entries.get(cmd_name) or self._derived().get(cmd_name)
        return entry.load() if isinstance(entry, Entry) else entry

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with; one that is none fails with close names."""
        name = args[0]
        known = name in self._entries or name in self._derived()
        if not (known or ctx.resilient_parsing or name.startswith("-")):
            ctx.fail(f"No such command '{name}'.{self._meant(name)}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, without loading any, or else the group's own options."""
        from click.shell_completion import CompletionItem

        fitting = {name: e for name, e in self._entries.items() if name.startswith(incomplete)}
        found = [CompletionItem(name, help=_short_help(each)) for name, each in fitting.items()]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without loading anything."""
        widest = max(map(len, self._entries))
        for title, entries in self._sections.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(widest), _short_help(entry)) for name, entry in entries.items()]
                )

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; Ctrl-C ends it without a word, and with the code shells expect.

        No colours where NO_COLOR is set, or the terminal has none. What went wrong is told in lines
        that fit the terminal, so that no id in it is broken.
        """
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            ctx.color = False
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except click.ClickException as error:
            raise _fitting(error) from None
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            message = f"The output cannot be written: {error.strerror}."
            raise click.ClickException(message) from None

    def _meant(self, name: str) -> str:
        """The sentence that asks for commands of such a name, here or in a group of this one."""
        from difflib import get_close_matches

        name = name.casefold().replace("_", "-")
        groups = [each for each in self._entries.values() if isinstance(each, LazyGroup)]
        close = [f"{group.name} {name}" for group in groups if name in group._entries]
        close = close or get_close_matches(name, self._entries, n=3)
        return did_you_mean(close)

    def _derived(self) -> dict[str, Entry]:
        """The entries that no table lists; asked for only where a name is not in the table."""
        if self._verbs_of is None:
            return {}
        return verb_entries(derived_verbs(self._verbs_of))


def _short_help(entry: Entry | LazyGroup) -> str:
    return entry.help if isinstance(entry, Entry) else entry.short_help or ""


def _fitting(error: click.ClickException) -> click.ClickException:
    """The error with its message broken between words, where it is shown at a terminal."""
    if type(error).show not in (click.UsageError.show, click.ClickException.show):
        return error  # it shows help, and is no sentence
    told = click.ClickException(wrapped(error.format_message(), len(_ERROR)))
    if isinstance(error, click.UsageError):
        told = click.UsageError(told.message, error.ctx)
    told.exit_code = error.exit_code  # type: ignore[misc]  # click reads that of the object
    return told
