"""Asks a person at a terminal, on standard error: standard output is for what was asked for."""

import sys

import click


def can_ask() -> bool:
    """Whether a person sits here who sees a question and can answer it."""
    return all(stream and stream.isatty() for stream in (sys.stdin, sys.stderr))


def says_yes(question: str) -> bool:
    """Ask whether to do it; the end of the input is a no. Raises KeyboardInterrupt."""
    click.echo(f"{question} [y/N]: ", nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        click.echo(err=True)
    return answer.strip().casefold() in {"y", "yes"}
