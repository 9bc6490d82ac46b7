"""`keys create`, `keys list` and `keys revoke`, and that a running gateway knows of them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY
from adapters.store import open_store
from gateway.core.model.callers import Caller, GatewayKey, Limits
from tests.cli.conftest import Provider, Run
from tests.support.gateway import run_gateway
from tests.support.keys import make_key
from tests.support.ledger import NOW, new_id

LIMITS = (
    "--max-price", "0.60", "--budget-day", "1.10", "--budget-total", "5",
    "--services", "whatsapp, telegram,", "--max-active", "3", "--expires", "2999-12-31",
    "--confirm-above", "0.5",
)  # fmt: skip


MAKE = ("keys", "create", "--name", "n8n", "--budget-day", "5")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'gateway.db'}"


@pytest.fixture
def at_store(at: Run, url: str) -> Run:
    """Runs a command on a ledger of the test's own."""

    def invoke(*words: str) -> Any:
        return at(*words, GATEWAY_DATABASE_URL=url)

    return invoke


def rows(result: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)["data"]
    return found


def test_a_key_is_printed_alone_on_a_line_and_never_again(at_store: Run) -> None:
    made = at_store("keys", "create", "--name", "a shop", "--no-budget")
    key = made.stdout.strip()
    listed = [at_store("keys", "list"), at_store("keys", "list", "--json")]

    assert (made.exit_code, made.stderr) == (0, "")
    assert made.stdout == f"{key}\n"
    assert key.startswith("gtw_")
    assert len(key) > 30
    assert all(key not in result.output for result in listed)


def test_two_keys_are_never_the_same(at_store: Run) -> None:
    names = ("a shop", "a clerk", "A shop")
    keys = {at_store("keys", "create", "--name", name, "--no-budget").stdout for name in names}

    assert len(keys) == 3
    assert len({row["id"] for row in rows(at_store("keys", "list", "--json"))}) == 3


def test_a_list_tells_what_each_key_may_do(at_store: Run) -> None:
    at_store("keys", "create", "--name", "a shop", *LIMITS)
    at_store("keys", "create", "--name", "a clerk", "--read-only", "--admin", "--long-rentals")
    shop, clerk = rows(at_store("keys", "list", "--json"))

    assert {name: shop[name] for name in shop if name not in ("id", "created_at")} == {
        "name": "a shop",
        "status": "active",
        "revoked_at": None,
        "expires_at": "2999-12-31T00:00:00Z",
        "read_only": False,
        "admin": False,
        "long_rentals": False,
        "services": ["telegram", "whatsapp"],
        "max_price": "0.60",
        "max_active": 3,
        "max_per_day": None,
        "budget_day": "1.10",
        "budget_total": "5.00",
        "confirm_above": "0.50",
        "spent_today": "0.00",
        "spent_total": "0.00",
        "left_today": "1.10",
        "left_total": "5.00",
        "currency": "USD",
        "previous_secret_until": None,
        "parent_id": None,
        "test": False,
    }
    assert (clerk["read_only"], clerk["admin"], clerk["long_rentals"]) == (True, True, True)
    assert (clerk["services"], clerk["max_price"], clerk["left_total"]) == (None, None, None)


BAD: list[tuple[str, ...]] = [
    (),
    ("--name", "x", "--max-price", "cheap"),
    ("--name", "x", "--budget-day", "-1"),
    ("--name", "x", "--budget-total", "NaN"),
    ("--name", "x", "--max-active", "0", "--no-budget"),
    ("--name", "x", "--max-per-day", "0", "--no-budget"),
    ("--name", "x", "--no-budget", "--confirm-above", "always"),
    ("--name", "x"),
    ("--name", "x", "--admin"),
    ("--name", "x", "--budget-day", "5", "--no-budget"),
    ("--name", "x", "--expires", "tomorrow"),
]


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_a_limit_that_is_none_is_refused(at_store: Run, words: tuple[str, ...]) -> None:
    result = at_store("keys", "create", *words)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert rows(at_store("keys", "list", "--json")) == []


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_key_is_revoked_once_by_its_id_or_name(at_store: Run, by: str) -> None:
    at_store("keys", "create", "--name", "a shop", "--no-budget")
    (row,) = rows(at_store("keys", "list", "--json"))
    first, again = [at_store("keys", "revoke", row[by]) for _ in range(2)]
    (after,) = rows(at_store("keys", "list", "--all", "--json"))
    left = rows(at_store("keys", "list", "--json"))

    assert first.exit_code == 0
    assert again.exit_code == 1
    assert "no such key" in again.stderr
    assert after["revoked_at"] is not None
    assert left == []


def put(url: str, *keys: tuple[str, str]) -> None:
    """Keys of these ids and names."""

    async def write() -> None:
        async with open_store(url, new_id=new_id) as store:
            for key_id, name in keys:
                await store.keys.create(GatewayKey(key_id, name, key_id, Limits(), NOW))

    asyncio.run(write())


REVOKING: list[tuple[str, str]] = [
    ("aa", "Revoked n8n (aa12)."),
    ("aa12", "Revoked n8n (aa12)."),
    ("n8n", "Revoked n8n (aa12)."),
    (" bb34 ", "Revoked twice (bb34)."),
    ("bb", "2 keys are meant by bb: twice (bb34), twice-2 (bb56). Give an id."),
    ("twice", "Revoked twice (bb34)."),
    ("cc", "2 keys are meant by cc: named as another (cc78), cc (dd90). Give an id."),
    ("cc78", "Revoked named as another (cc78)."),
    ("", "There is no such key to revoke."),
    ("%", "There is no such key to revoke."),
    ("AA", "There is no such key to revoke."),
]


@pytest.mark.parametrize(("given", "said"), REVOKING, ids=str)
def test_a_key_is_meant_by_the_beginning_of_its_id_or_its_name(
    at_store: Run, url: str, given: str, said: str
) -> None:
    at_store("keys", "list")  # it makes the database, and the secret that goes with it
    named = ("aa12", "n8n"), ("bb34", "twice"), ("bb56", "twice-2")
    put(url, *named, ("cc78", "named as another"), ("dd90", "cc"))
    done = at_store("keys", "revoke", given)
    listed = rows(at_store("keys", "list", "--all", "--json"))
    revoked = [row["id"] for row in listed if row["revoked_at"]]

    assert said in " ".join(done.output.split())
    assert len(revoked) == (1 if said.startswith("Revoked") else 0)
    assert all(f"({key_id})" in said for key_id in revoked)


def test_a_name_is_free_again_once_its_key_is_revoked(at_store: Run) -> None:
    make = ("keys", "create", "--no-budget", "--name")
    first = at_store(*make, "a shop")
    (key,) = rows(at_store("keys", "list", "--json"))
    taken = at_store(*make, " a shop ")
    blank = at_store(*make, " ")
    at_store("keys", "revoke", key["id"])
    again = at_store(*make, "a shop")
    listed = at_store("keys", "list", "--all").stdout

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert (taken.exit_code, taken.stdout, blank.exit_code) == (1, "", 2)
    assert f"The key {key['id']} has this name" in taken.stderr
    assert (listed.count("revoked"), listed.count("active")) == (1, 1)


def test_services_are_looked_up_in_the_price_list(at_store: Run, provider: Provider) -> None:
    make = ("keys", "create", "--no-budget", "--name", "a shop", "--services")
    refused = at_store(*make, "whatsapp,telegran")
    made = at_store(*make, " WhatsApp ,telegram,")
    (key,) = rows(at_store("keys", "list", "--json"))

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--services: telegran: there is no such service. Close: telegram $" in refused.stderr
    assert (made.exit_code, made.stderr) == (0, "")
    assert key["services"] == ["telegram", "whatsapp"]


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"GETATEXT_API_KEY": ""}, "unauthorized"),
        ({"GETATEXT_BASE_URL": "http://127.0.0.1:1"}, "upstream_unavailable"),
    ],
    ids=["no key", "no provider"],
)
def test_a_key_is_made_also_where_no_services_can_be_looked_up(
    at: Run, url: str, env: dict[str, str], why: str
) -> None:
    make = ("keys", "create", "--no-budget", "--name", "a shop", "--services", "telegran")
    made = at(*make, **env, GATEWAY_DATABASE_URL=url)

    assert (made.exit_code, made.stdout[:4]) == (0, "gtw_")
    assert f"the services were not checked, for the price list cannot be read ({why})" in (
        made.stderr
    )


def test_a_running_gateway_takes_a_key_made_beside_it(
    at_store: Run, provider: Provider, url: str
) -> None:
    async def use() -> tuple[Caller, list[int], int]:
        given: dict[str, Any] = {"gateway_database_url": url, "getatext_api_key": DEMO_KEY}
        async with run_gateway(provider.url, **given) as running:
            make = ("keys", "create", "--name", "a shop", *LIMITS)
            made = await asyncio.to_thread(at_store, *make)
            key = made.stdout.strip()
            asked = {"service_code": "whatsapp"}
            answers = [await running.client.post("/v1/rentals", asked, key=key) for _ in range(3)]
            caller = await running.gateway.callers.identify(key)
            return caller, [answer.status for answer in answers], provider.asked("rent-a-number")

    caller, statuses, asked = asyncio.run(use())
    (row,) = rows(at_store("keys", "list", "--json"))

    assert caller.id == f"gtw_{row['id']}"
    assert statuses == [201, 201, 403]
    assert asked == 2
    assert (row["spent_today"], row["left_today"], row["left_total"]) == ("1.10", "0.00", "3.90")


def test_keys_are_managed_at_a_gateway_elsewhere(at: Run, provider: Provider, url: str) -> None:
    async def use() -> list[Any]:
        given: dict[str, Any] = {"gateway_database_url": url, "getatext_api_key": DEMO_KEY}
        async with run_gateway(provider.url, **given) as running:
            admin = await make_key(running.gateway, "admin", Limits(admin=True))
            there = {"GATEWAY_URL": running.url, "GATEWAY_KEY": admin}

            def commands() -> list[Any]:
                made = at(*MAKE, "--services", "WhatsApp", **there)
                update = "--max-price", "0.60", "--clear", "services,budget-day", "--no-budget"
                return [
                    made,
                    at("keys", "update", "n8n", *update, "--suspend", "--json", **there),
                    at("keys", "rotate", "n8n", "--overlap-hours", "1", **there),
                    at("keys", "audit-log", "--json", **there),
                    at("keys", "revoke", "n8n", **there),
                    at("keys", "list", **there),
                    at(*MAKE[:3], "admin", "--no-budget", **there),
                    at("keys", "list", **{**there, "GATEWAY_KEY": made.stdout.strip()}),
                ]

            return await asyncio.to_thread(commands)

    made, updated, rotated, log, revoked, listed, taken, ended = asyncio.run(use())
    changed = json.loads(updated.stdout)

    assert (made.exit_code, made.stdout[:4], made.stderr) == (0, "gtw_", "")
    assert (changed["status"], changed["services"], changed["max_price"]) == (
        "suspended",
        None,
        "0.60",
    )
    assert (rotated.stdout[:4], rotated.stdout != made.stdout) == ("gtw_", True)
    assert "The secret before it ends at " in rotated.stderr
    assert [row["action"] for row in rows(log)] == ["key.rotated", "key.updated", "key.created"]
    assert {row["actor_name"] for row in rows(log)} == {"admin"}
    assert revoked.stdout.startswith("Revoked n8n (")
    assert "1 more have ended: --all shows them." in listed.stdout
    assert (taken.exit_code, taken.stderr.startswith("name_taken: The key ")) == (1, True)
    assert ended.exit_code == 2
    assert "unauthorized: " in ended.stderr


def test_what_the_command_line_did_is_told_as_its_own(at_store: Run) -> None:
    at_store(*MAKE)
    at_store("keys", "update", "n8n", "--suspend")
    told = [(row["actor"], row["action"]) for row in rows(at_store("keys", "audit-log", "--json"))]

    assert told == [("command", "key.updated"), ("command", "key.created")]
