"""A new operation is a command without any word in gateway/cli."""

import json
from dataclasses import replace

import pytest

from gateway.cli.verbs import LONG, TOP, derived_verbs
from gateway.core.operations.catalog import BY_NAME
from gateway.core.operations.operation import AnyOperation
from tests.cli.conftest import Provider, Run


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operations that do what others do, under names of their own."""

    def add(name: str, of: str) -> None:
        op: AnyOperation = BY_NAME[of]
        about = f"Does as {of} does. See also {name}."
        monkeypatch.setitem(BY_NAME, name, replace(op, name=name, description=about))

    add("drop_rental", "cancel_rental")
    add("rent_twice", "rent_again")
    add("read_messages", "list_messages")
    add("drop_long_rental", "cancel_long_rental")
    add("renew_long_rentals", "renew_long_rental")


@pytest.mark.usefixtures("added")
def test_names_come_from_the_operations_without_those_that_are_taken() -> None:
    names = {group: [verb.name for verb in derived_verbs(group)] for group in (TOP, LONG)}

    assert names == {
        TOP: ["drop-rental", "rent-twice"],
        LONG: ["read-messages", "drop", "renew-long-rentals"],
    }


@pytest.mark.usefixtures("added")
def test_it_runs_the_operation(at: Run, provider: Provider) -> None:
    provider.simulator.change(code_after="never")
    number = str(json.loads(at("rent", "--yes", "whatsapp", "--json").stdout)["id"])
    dropped = at("drop-rental", number, "--json")
    unasked = at("rent-twice", number)
    again = at("rent-twice", "--yes", number, "--json")
    bought = str(json.loads(at("long", "create", "--yes", "1w", "--json").stdout)["id"])
    read = at("long", "read-messages", bought, "--json")

    assert json.loads(dropped.stdout)["status"] == "cancelled"
    assert (unasked.exit_code, "say --yes" in unasked.stderr) == (2, True)
    assert json.loads(again.stdout)["status"] == "active"
    assert json.loads(read.stdout)["data"] == []


@pytest.mark.usefixtures("added")
def test_its_help_speaks_of_commands(run: Run) -> None:
    shown = " ".join(run("rent-twice", "--help").output.split())
    long = " ".join(run("long", "drop", "--help").output.split())

    assert "Does as `again` does. See also `rent-twice`." in shown
    assert "--wait" in shown
    assert "ID" in shown
    assert "Does as `long cancel` does. See also `long drop`." in long
    assert "--wait" not in long


def test_an_unknown_command_is_none(run: Run) -> None:
    for words in (["drop-rental"], ["long", "drop"], ["keys", "drop"]):
        done = run(*words)

        assert done.exit_code == 2
        assert "No such command" in done.stderr
