"""What a person types by habit: --version, -h, a slip of the fingers, the tab key, any case."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.words import in_dollars
from tests.cli.conftest import Provider, Run
from tests.cli.test_help import SLOW, imported

ASKING = """
eval "$(getatext-gateway completion bash)"
for line in "ren" "keys " "long ren" "rent --k" "rent x --carrier t" "prices --sort "; do
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


@pytest.mark.parametrize(
    "words", [[], ["keys"], ["keys", "create"], ["rent"], ["wait"], ["long", "renew"]], ids=" ".join
)
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
        (["create"], " Did you mean keys create or long create or webhooks create?"),
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
    assert "--max-price" in run("rent", "x", "--max-prize", "1").stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell_is_printed(shell: str, run: Run) -> None:
    script = run("completion", shell.upper()).stdout

    assert f"_GETATEXT_GATEWAY_COMPLETE={shell}_complete" in script
    assert "getatext-gateway" in script


def test_the_help_of_completion_shows_lines_to_paste(run: Run) -> None:
    lines = [line.strip() for line in run("completion", "-h").stdout.splitlines()]

    assert 'bash, in ~/.bashrc:  eval "$(getatext-gateway completion bash)"' in lines
    assert 'zsh, in ~/.zshrc:    eval "$(getatext-gateway completion zsh)"' in lines


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
        "rent rentals",
        "create list update rotate revoke audit-log",
        "renew",
        "--keep-carrier",
        "tmobile",
        "name price stock",
        "complete -o nosort -F _getatext_gateway_completion getatext-gateway",
    ]


@pytest.mark.parametrize(
    ("words", "plainly"),
    [
        (["prices", "--sort", "PRICE"], ["prices", "--sort", "price"]),
        (["prices", "--max-price", "$0.60"], ["prices", "--max-price", "0.6"]),
        (["rentals", "--status", "Active"], ["rentals", "--status", "active"]),
        (["rentals", "--number", "(410) 428-7665"], ["rentals", "--number", "+14104287665"]),
        (["events", "--type", "RENTAL.ENDED"], ["events", "--type", "rental.ended"]),
        (["usage", "--by", "Service"], ["usage", "--by", "service"]),
    ],
    ids=" ".join,
)
def test_inputs_are_taken_as_people_write_them(
    words: list[str], plainly: list[str], at: Run
) -> None:
    taken, usual = at(*words, "--json"), at(*plainly, "--json")

    assert taken.exit_code == 0, taken.output
    assert json.loads(taken.stdout)["data"] == json.loads(usual.stdout)["data"]


def test_area_codes_are_one_list_or_several_options(at: Run, provider: Provider) -> None:
    lists = [["212,646"], ["212 646"], ["(212)", "646"], ["", "212", "646"]]
    for codes in lists:
        options = [word for code in codes for word in ("--area-codes", code)]
        assert at("rent", "whatsapp", "--yes", *options).exit_code == 0

    rents = [each.json for each in provider.simulator.journal.received if each.json]
    assert [each["area_codes"] for each in rents if isinstance(each, dict)] == ["212,646"] * 4


@pytest.mark.parametrize(
    ("given", "expires"),
    [
        ("2999-12-31", "2999-12-31T00:00:00Z"),
        ("2999-12-31 10:00", "2999-12-31T10:00:00Z"),
        ("2999-12-31T10:00:00+02:00", "2999-12-31T08:00:00Z"),
    ],
)
def test_a_key_takes_amounts_and_times_as_operations_do(given: str, expires: str, at: Run) -> None:
    made = at("keys", "create", "--name", "shop", "--budget-day", "$5", "--expires", given)
    (key,) = json.loads(at("keys", "list", "--json").stdout)["data"]

    assert made.exit_code == 0, made.output
    assert (key["budget_day"], key["expires_at"]) == ("5.00", expires)


@pytest.mark.parametrize(
    ("option", "given", "told"),
    [
        ("--expires", "tomorrow", "must be a date or a time, such as 2026-11-29"),
        ("--budget-day", "5,00", "must be an amount of dollars, such as 5 or 0.55"),
        ("--max-price", "-1", "must be an amount of dollars, such as 5 or 0.55"),
        ("--expires", "2020-01-31", "--expires: is over"),
        ("--max-per-day", "0", "must be a whole number of at least 1."),
        ("--max-active", "many", "must be a whole number of at least 1."),
    ],
)
def test_what_a_key_does_not_take_is_answered_with_an_example(
    option: str, given: str, told: str, run: Run
) -> None:
    done = run("keys", "create", "--name", "shop", option, given)

    assert done.exit_code == 2
    assert told in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("It takes 0.55 USD now.", "It takes $0.55 now."),
        ("up to 1.00 USD, above 0.005 USD.", "up to $1.00, above $0.005."),
        ("Close: a 0.55, mail.ru 0.30 (out of stock). Take 1.", None),
        ("No code of 12.50 came.", "No code of 12.50 came."),
    ],
)
def test_amounts_in_sentences_are_in_dollars(said: str, shown: str | None) -> None:
    assert in_dollars(said) == (shown or "Close: a $0.55, mail.ru $0.30 (out of stock). Take 1.")
