"""`keys create`, `keys list` and `keys revoke`, and that a running gateway knows of them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY
from gateway.core.model.callers import Caller
from tests.cli.conftest import Provider, Run
from tests.support.gateway import run_gateway

LIMITS = (
    "--max-price", "0.60", "--budget-day", "1.10", "--budget-total", "5",
    "--services", "whatsapp, telegram,", "--max-active", "3", "--expires", "2999-12-31",
    "--confirm-above", "0.5",
)  # fmt: skip


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
    (after,) = rows(at_store("keys", "list", "--json"))

    assert first.exit_code == 0
    assert again.exit_code == 1
    assert "no such key" in again.stderr
    assert after["revoked_at"] is not None


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
