"""What a person types by habit: --version, -h, a slip of the fingers, the tab key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_help import PATHS, SLOW, imported

ASKING = """
eval "$(getatext-gateway completion bash)"
for line in "re" "keys " "long ren" "rent --k" "rent x --carrier t" "prices --sort "; do
    COMPREPLY=()
    COMP_WORDS=(getatext-gateway $line)
    [[ $line == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _getatext_gateway_completion getatext-gateway
    echo "${COMPREPLY[*]}"
done
complete -p getatext-gateway
"""


def test_the_version_is_an_option_too(run: Run) -> None:
    asked = run("--version")

    assert asked.exit_code == 0
    assert asked.output == run("version").output


@pytest.mark.parametrize("words", [[], ["keys"], *PATHS[::6]], ids=" ".join)
def test_help_has_a_short_option(words: list[str], run: Run) -> None:
    short = run(*words, "-h")

    assert short.exit_code == 0
    assert short.output == run(*words, "--help").output


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["rnet"], " Did you mean rent?"),
        (["RENT"], " Did you mean rent or rentals"),
        (["provider_webhook"], " Did you mean provider-webhook?"),
        (["keys", "lst"], " Did you mean list?"),
        (["long", "crate"], " Did you mean create?"),
        (["resolve"], " Did you mean ledger resolve?"),
        (["create"], " Did you mean keys create or long create?"),
        (["zzz"], ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_slip_is_answered_with_the_command_that_was_meant(
    typed: list[str], meant: str, run: Run
) -> None:
    done = run(*typed)

    assert done.exit_code == 2
    assert f"Error: No such command '{typed[-1]}'.{meant}" in done.stderr
    assert meant or done.stderr.endswith(f"'{typed[-1]}'.\n")


def test_an_option_that_is_none_is_answered_with_one_that_is(run: Run) -> None:
    assert "'--max-price'" in run("rent", "x", "--max-prize", "1").stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_is_printed(shell: str, run: Run) -> None:
    script = run("completion", shell.upper()).stdout

    assert f"_GETATEXT_GATEWAY_COMPLETE={shell}_complete" in script
    assert "getatext-gateway" in script


def test_completing_a_command_loads_none() -> None:
    asked = {"_GETATEXT_GATEWAY_COMPLETE": "bash_complete", "COMP_WORDS": "getatext-gateway "}

    assert imported([], starts="plain,serve", COMP_CWORD="1", **asked) & SLOW == set()


def test_bash_completes_commands_options_and_choices(tmp_path: Path) -> None:
    program = tmp_path / "getatext-gateway"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway "$@"\n')
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", ASKING],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "rent rentals replace",
        "create list revoke",
        "renew",
        "--keep-carrier",
        "tmobile",
        "name price stock",
        "complete -o nosort -F _getatext_gateway_completion getatext-gateway",
    ]
