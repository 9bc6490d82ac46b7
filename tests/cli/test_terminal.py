"""Commands as people use them: at a terminal."""

import json
import re
from pathlib import Path

import pytest

from adapters.simulator import DEMO_KEY
from tests.cli.conftest import Provider, Run
from tests.support.terminal import at_terminal


def test_a_list_is_a_table_at_a_terminal_as_wide_as_that_is(provider: Provider) -> None:
    env = {"GETATEXT_BASE_URL": provider.url, "GETATEXT_API_KEY": DEMO_KEY}
    shown = at_terminal("prices", "whats", env=env, columns=60)

    assert "\x1b[" in shown.raw
    assert "whatsapp" in shown.text
    assert max(map(len, shown.text.splitlines())) <= 60
    assert shown.exit_code == 0


def test_ctrl_c_while_waiting_offers_to_cancel_beside_what_is_written_to_a_file(
    provider: Provider, at: Run, tmp_path: Path
) -> None:
    provider.simulator.change(code_after="never")
    number = str(json.loads(at("rent", "whatsapp", "--yes", "--json").stdout)["id"])
    env = {"GETATEXT_BASE_URL": provider.url, "GETATEXT_API_KEY": DEMO_KEY}
    written = tmp_path / "rental.json"
    question = "Cancel the rental for a refund? [y/N]: "
    left, cancelled = (
        at_terminal(
            *("wait", number, "--json"),
            env=env,
            typed=[("Ctrl-C to stop.", "\x03"), (question, answer)],
            stdout=written,
        )
        for answer in ("\x03", "y\n")
    )

    assert left.text.endswith(f"The rental goes on. Its code: getatext-gateway wait {number}\n")
    assert (left.exit_code, cancelled.exit_code) == (130, 130)
    assert written.read_text().startswith('{"id":')
    assert json.loads(written.read_text())["status"] == "cancelled"


@pytest.mark.parametrize("without", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colours_can_be_switched_off(provider: Provider, without: dict[str, str]) -> None:
    env = {"GETATEXT_BASE_URL": provider.url, "GETATEXT_API_KEY": DEMO_KEY, **without}
    shown = [
        at_terminal(*words, env=env)
        for words in (("prices", "whats"), ("rent", "nothing-like-it", "--yes"))
    ]

    assert [each.exit_code for each in shown] == [0, 1]
    assert not any("\x1b" in each.raw for each in shown)


def test_ids_in_what_went_wrong_are_whole_also_where_only_the_question_is_at_a_terminal(
    provider: Provider, at: Run, tmp_path: Path
) -> None:
    env = {"GETATEXT_BASE_URL": provider.url, "GETATEXT_API_KEY": DEMO_KEY}
    for _ in range(3):
        assert at("rent", "whatsapp", "--yes").exit_code == 0
    ids = [row["ledger_id"] for row in json.loads(at("ledger", "list", "--json").stdout)["data"]]
    shown = at_terminal(
        *("ledger", "resolve", ids[0][:3], "--not-charged"),
        env=env,
        columns=60,
        stdout=tmp_path / "out.txt",
    )

    assert set(ids) <= set(re.findall(r"\w+", shown.text))
    assert max(map(len, shown.text.splitlines())) <= 60
    assert shown.exit_code == 2


def test_a_group_alone_shows_its_help_as_that_is(provider: Provider) -> None:
    shown = at_terminal("keys", env={})

    assert "  create     Make a key; it is shown once.\n" in shown.text
