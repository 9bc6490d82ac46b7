"""The commands `webhooks …`, on a ledger of one's own and at a gateway elsewhere."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY
from gateway.core.model.callers import Limits
from gateway.core.model.events import EventType
from gateway.telemetry import logs
from tests.cli.conftest import QUIET, Provider, Run, living
from tests.support.gateway import run_simulated
from tests.support.keys import make_key
from tests.support.terminal import at_terminal
from tests.webhooks.support import LOOPBACK, Receiver, receiving, verified

SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])")
TYPES = ["rental.created", "rental.code_received", "rental.ended"]
CREATE = ("--events", "rental.ended,rental.created", "--events", "rental.code_received")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with living(receiving()) as (opened, _):
        yield opened


@pytest.fixture
def here(at: Run, provider: Provider, tmp_path: Path) -> dict[str, str]:
    """The environment of a command that opens the ledger itself."""
    made = at("keys", "create", "--name", "shop", "--no-budget")
    assert made.exit_code == 0, made.output
    return {
        "GETATEXT_BASE_URL": provider.url,
        "GETATEXT_API_KEY": DEMO_KEY,
        "GATEWAY_KEY": made.stdout.split()[-1],
        "GATEWAY_WEBHOOK_ALLOWED_NETWORKS": json.dumps(LOOPBACK),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }


@pytest.fixture
def elsewhere() -> Iterator[dict[str, str]]:
    """The environment of a command at a gateway that runs."""
    logs.configure("console", "error", [])  # it is another process, whose log is elsewhere
    own = {"getatext_api_key": DEMO_KEY, "gateway_webhook_allowed_networks": LOOPBACK}
    with living(run_simulated(QUIET, **own)) as (stand, loop):
        making = make_key(stand.gateway, "shop", Limits())
        key = asyncio.run_coroutine_threadsafe(making, loop).result(60)
        yield {"GATEWAY_URL": stand.url, "GATEWAY_KEY": key}


@pytest.fixture(params=["here", "elsewhere"])
def env(request: pytest.FixtureRequest) -> dict[str, str]:
    given: dict[str, str] = request.getfixturevalue(request.param)
    return given


def value(run: Run, env: dict[str, str], *words: str) -> Any:
    done = run(*words, "--json", **env)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_webhook_lives_from_create_to_delete(
    env: dict[str, str], run: Run, receiver: Receiver
) -> None:
    create = ("webhooks", "create", f"{receiver.url}/hook", *CREATE)
    made, again = value(run, env, *create), value(run, env, *create, "--description", "the shop")
    listed = value(run, env, "webhooks", "list")["data"]
    tried = value(run, env, "webhooks", "test", made["id"])
    sent = value(run, env, "webhooks", "deliveries", made["id"])["data"]
    deleted = value(run, env, "webhooks", "delete", made["id"])

    assert SECRET.fullmatch(made["secret"])
    assert made["events"] == TYPES
    assert (again["id"], again["secret"]) == (made["id"], None)
    assert [(row["id"], row["description"]) for row in listed] == [(made["id"], "the shop")]
    assert (tried["delivered"], tried["status"], tried["answer"]) == (True, 200, "thanks")
    assert verified(made["secret"], receiver.got[0])["type"] == "webhook.test"
    assert sent == []
    assert deleted["status"] == "deleted"
    assert value(run, env, "webhooks", "list")["data"] == []


def test_what_was_sent_is_listed_and_sent_again(
    elsewhere: dict[str, str], run: Run, receiver: Receiver
) -> None:
    made = value(run, elsewhere, "webhooks", "create", receiver.url, "--events", "rental.created")
    value(run, elsewhere, "rent", "whatsapp", "--yes")
    (row,) = _deliveries(run, elsewhere, made["id"], 1)
    queued = value(run, elsewhere, "webhooks", "redeliver", made["id"], "--event", row["event_id"])
    (again,) = _deliveries(run, elsewhere, made["id"], 2)
    since = value(run, elsewhere, "webhooks", "redeliver", made["id"], "--since", "2020-01-01")
    failed = value(run, elsewhere, "webhooks", "deliveries", made["id"], "--state", "failed")

    assert (row["type"], row["state"], row["status"]) == ("rental.created", "delivered", 200)
    assert queued == {"queued": 1}
    assert again["event_id"] == row["event_id"]
    assert {one.id for one in receiver.got} == {row["event_id"]}
    assert since == {"queued": 0}  # it was delivered
    assert failed["data"] == []


def _deliveries(run: Run, env: dict[str, str], webhook_id: str, sent: int) -> Any:
    """The deliveries, once nothing is pending and the receiver has got so many."""
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        rows = value(run, env, "webhooks", "deliveries", webhook_id)["data"]
        if rows and all(row["state"] == "delivered" for row in rows):
            return rows
    raise AssertionError(f"{sent} deliveries were expected")


def test_what_no_gateway_has_sent_yet_is_queued_here(
    here: dict[str, str], run: Run, receiver: Receiver
) -> None:
    made = value(run, here, "webhooks", "create", receiver.url, "--events", "rental.created")
    value(run, here, "rent", "whatsapp", "--yes")
    queued = value(run, here, "webhooks", "redeliver", made["id"], "--since", "2020-01-01")
    (row,) = value(run, here, "webhooks", "deliveries", made["id"])["data"]

    assert queued == {"queued": 1}
    assert (row["type"], row["state"], row["tries"]) == ("rental.created", "pending", 0)


def test_the_help_names_the_types_of_events(run: Run) -> None:
    done = run("webhooks", "create", "--help")

    assert all(each.value in done.output for each in EventType)


def test_the_providers_key_has_no_webhooks(at: Run) -> None:
    done = at("webhooks", "list")

    assert done.exit_code != 0
    assert "gateway_key_required" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("create", "https://example.com/", "--events", "rental.improved"), "rental.code_received"),
        (("create", "http://example.com/", "--events", "rental.ended"), "https"),
        (("redeliver", f"wh_{'5e' * 12}"), "either --event or since"),
        (("test", "12"), "ID"),
    ],
)
def test_a_mistake_is_told_in_the_command_lines_words(
    words: tuple[str, ...], told: str, here: dict[str, str], run: Run
) -> None:
    done = run("webhooks", *words, **here | {"GATEWAY_WEBHOOK_ALLOWED_NETWORKS": "[]"})

    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert "webhook_id" not in done.stderr
    assert "event_id" not in done.stderr


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_the_secret_is_shown_whole_and_once(
    columns: int, here: dict[str, str], receiver: Receiver
) -> None:
    words = ("webhooks", "create", f"{receiver.url}/hook", *CREATE)
    first, again = [at_terminal(*words, env=here, columns=columns) for _ in range(2)]
    listed = at_terminal("webhooks", "list", env=here, columns=columns)

    assert SECRET.search(first.text), first.text
    assert "it is shown this once" in " ".join(first.text.split())
    assert "whsec_" not in again.text
    assert "It was there already" in " ".join(again.text.split())
    assert all(type in listed.text for type in TYPES)
    assert max(map(len, listed.text.splitlines())) <= max(columns, 60)
