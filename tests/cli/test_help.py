import json
import os
import subprocess
import sys

import click
import pytest

from gateway.cli.lazy import LazyGroup
from gateway.cli.main import cli, long
from gateway.cli.operations import OperationCommand
from gateway.cli.verbs import ENTRIES, LONG_VERBS, VERBS, Verb, derived_verbs
from gateway.core.model.upstream_call import Effect
from gateway.core.operations.catalog import BY_NAME, CATALOG
from tests.cli.conftest import Run

SLOW = {"aiohttp", "pydantic", "rich", "structlog", "sqlalchemy", "mcp", "yaml", "asyncio"}
PROBE = """
import json, sys
sys.argv = ["getatext-gateway", *json.loads(sys.argv[1])]
try:
    from gateway.__main__ import main
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
PATHS = [[name] for name in cli.list_commands(click.Context(cli))]
PATHS += [["long", name] for name in long.list_commands(click.Context(long))]


@pytest.mark.parametrize("words", [["--help"], ["long", "--help"]], ids=" ".join)
def test_help_imports_nothing_slow(words: list[str]) -> None:
    assert imported(words) & SLOW == set()


@pytest.mark.parametrize("words", [["rent"], ["wait"], ["keys", "create"], ["purge"]], ids=" ".join)
def test_help_of_a_command_imports_neither_servers_nor_the_store(words: list[str]) -> None:
    assert imported([*words, "--help"]) & {"aiohttp", "rich", "sqlalchemy", "structlog"} == set()


def imported(words: list[str], *, starts: str = "Usage: getatext-gateway", **env: str) -> set[str]:
    """What is imported where the command is run that then prints what `starts` so."""
    command = [sys.executable, "-c", PROBE, json.dumps(words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **env}
    )
    assert done.stdout.startswith(starts)
    return {name.partition(".")[0] for name in json.loads(done.stderr)}


@pytest.mark.parametrize("words", PATHS, ids=" ".join)
def test_every_command_explains_itself(words: list[str], run: Run) -> None:
    shown = run(*words, "--help")

    assert shown.exit_code == 0
    assert f"Usage: getatext-gateway {' '.join(words)}" in shown.output


@pytest.mark.parametrize("group", [cli, long], ids=lambda group: group.name)
def test_help_lists_every_command_with_a_line_of_its_own(group: LazyGroup) -> None:
    ctx = click.Context(group, **group.context_settings)
    shown = group.get_help(ctx).splitlines()

    for name in group.list_commands(ctx):
        assert any(line.startswith(f"  {name} ") for line in shown)
    assert max(map(len, shown)) < 80


def test_help_documents_the_exit_codes(run: Run) -> None:
    shown = run("--help").output

    for code in ("0    done", "1    ", "2    ", "3    ", "130  "):
        assert code in shown


def test_every_operation_has_one_verb() -> None:
    groups = [(*entries, *derived_verbs(group)) for group, entries in ENTRIES.items()]
    verbs = [verb.operation for group in groups for verb in group]

    assert sorted(verbs) == sorted(op.name for op in CATALOG)


@pytest.mark.parametrize("verb", [*VERBS, *LONG_VERBS], ids=lambda verb: verb.operation)
def test_a_verb_takes_every_input_of_its_operation_by_its_name(verb: Verb) -> None:
    op = BY_NAME[verb.operation]
    command = OperationCommand(verb)

    own = {
        "as_json",
        "gateway_url",
        *(["wait"] if verb.waits else []),
        *(["as_csv"] if verb.csv else []),
        *(["yes"] if op.effect is Effect.SPEND else []),
        *(["wide"] if "data" in op.gives.model_fields else []),
    }

    assert {p.name for p in command.params} == {*op.takes.model_fields, *own}
    assert {*verb.arguments, *verb.options} <= set(op.takes.model_fields)


@pytest.mark.parametrize("words", PATHS, ids=" ".join)
def test_help_speaks_of_commands_and_options_not_of_the_api(words: list[str], run: Run) -> None:
    shown = run(*words, "--help").output

    assert not [name for name in BY_NAME if name in shown]
    assert not [word for word in ("max_price", "null", "INTEGER", "FLOAT") if word in shown]
    assert max(map(len, shown.splitlines())) <= 80
