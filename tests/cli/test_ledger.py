"""`ledger list`, `ledger resolve` and `purge`: what an operator does about lost answers."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, NEVER, Fault, FaultKind
from tests.cli.conftest import Provider, Run
from tests.support.contract import Answer
from tests.support.gateway import Client, run_gateway
from tests.support.waiting import until

LOST = Fault("rent-a-number", FaultKind.DROP_AFTER)
FIRST = 12345


class Shop:
    """A ledger, the commands on it, and a gateway that runs when somebody rents."""

    def __init__(self, provider: Provider, at: Run, url: str) -> None:
        self.provider, self.at, self.url = provider, at, url

    def run(self, *words: str) -> Any:
        return self.at(*words, GATEWAY_DATABASE_URL=self.url)

    def rows(self, *words: str) -> list[dict[str, Any]]:
        listed = self.run("ledger", "list", *words, "--json")
        found: list[dict[str, Any]] = json.loads(listed.stdout)["data"]
        return found

    def rent(self, request_id: str = "order-1") -> Answer:
        named = {"request_id": request_id, "reference": f"{request_id}'s"}
        return self.post("/v1/rentals", {"service_code": "whatsapp", **named})

    def post(self, path: str, asked: dict[str, Any]) -> Answer:
        async def use() -> Answer:
            given: dict[str, Any] = {
                "gateway_database_url": self.url,
                "getatext_api_key": DEMO_KEY,
            }
            async with run_gateway(self.provider.url, **given) as running:
                return await running.client.post(path, asked)

        return asyncio.run(use())

    def lose(self, request_id: str = "order-1") -> str:
        """A rent whose answer is lost; its ledger id."""
        self.provider.simulator.script(LOST)
        assert self.rent(request_id).json["code"] == "outcome_unknown"
        ledger_id: str = self.rows("--unknown")[0]["ledger_id"]
        return ledger_id


@pytest.fixture
def shop(provider: Provider, at: Run, tmp_path: Path) -> Shop:
    return Shop(provider, at, f"sqlite:///{tmp_path / 'gateway.db'}")


def test_a_lost_purchase_names_the_command_that_settles_it(shop: Shop) -> None:
    ledger_id = shop.lose()
    command = f"getatext-gateway ledger resolve {ledger_id}"
    one = shop.run("ledger", "list", "--unknown")
    kept = shop.rent()
    with closing(sqlite3.connect(shop.url.removeprefix("sqlite:///"))) as file, file:
        file.execute("UPDATE spends SET answer_status = NULL, answer_body = NULL")
    dead = shop.rent()  # as where the process that sent it died
    shop.provider.simulator.script(LOST)
    typed = shop.run("rent", "whatsapp", "--yes")
    newest = shop.rows("--unknown")[0]["ledger_id"]

    for answer in (kept, dead):
        assert (answer.status, answer.json["code"]) == (409, "outcome_unknown")
        assert f"`{command}`" in answer.json["detail"]
    assert (typed.exit_code, newest in typed.stderr) == (3, True)
    assert f"`{command}`, and --not-charged or --rental-id ID" in one.stdout
    assert "getatext-gateway ledger resolve LEDGER_ID" in shop.run("rentals").stdout


def test_the_beginning_of_an_id_is_enough_where_one_purchase_begins_so(shop: Shop) -> None:
    shop.rent("order-1")
    lost = shop.lose("order-2")
    (bought,) = (row["ledger_id"] for row in shop.rows() if row["state"] == "bought")
    apart = next(place for place in range(25) if lost[place] != bought[place])
    both = shop.run("ledger", "resolve", lost[:apart], "--not-charged")
    none = shop.run("ledger", "resolve", "", "--not-charged")
    refund = ("ledger", "record-refund", bought[: apart + 1], "--amount", "0.1")
    refunded = shop.run(*refund)
    settled = shop.run("ledger", "resolve", lost[: apart + 1], "--not-charged")

    assert both.exit_code == 2
    assert all(each in both.stderr for each in (lost, bought, "Give more of it"))
    assert none.exit_code == 1
    assert (refunded.exit_code, f"for {bought}," in refunded.stdout) == (0, True)
    assert (settled.exit_code, settled.stdout) == (0, f"{lost} is settled.\n")
    assert [row["state"] for row in shop.rows()] == ["refused", "bought"]


def test_a_table_shows_ledger_ids_whole(shop: Shop) -> None:
    empty = shop.run("ledger", "list")
    nothing = shop.run("ledger", "list", "--unknown")
    shop.rent()
    (row,) = shop.rows()
    few, wide = (shop.run("ledger", "list", *more).stdout for more in ((), ("--wide",)))

    assert empty.stdout == "No purchases yet. Rent one: getatext-gateway rent SERVICE\n"
    assert "nothing to settle" in nothing.stdout
    assert row["ledger_id"] in few.split()
    assert row["ledger_id"] in wide.split()
    assert ("rent_number" in few, "rent_number" in wide) == (False, True)


def test_purchases_are_listed_newest_first(shop: Shop) -> None:
    shop.rent("order-1")
    shop.lose("order-2")
    newest, oldest = shop.rows()

    assert (newest["state"], oldest["state"]) == ("unknown", "bought")
    assert (oldest["charged"], oldest["refunded"], newest["charged"]) == ("0.55", "0.00", None)
    assert newest["ledger_id"] > oldest["ledger_id"]
    assert (newest["reference"], oldest["reference"]) == ("order-2's", "order-1's")
    assert {row["operation"] for row in (newest, oldest)} == {"rent_number"}
    assert {row["service_code"] for row in (newest, oldest)} == {"whatsapp"}


def test_a_lost_replacement_names_its_rental_and_replaces_it_once_it_is_settled(
    shop: Shop,
) -> None:
    shop.provider.simulator.change(code_after=NEVER)
    first = shop.rent().json["id"]
    shop.provider.simulator.script(LOST)
    lost = shop.post(f"/v1/rentals/{first}/replace", {"request_id": "order-2"})
    (row,) = shop.rows("--unknown")
    bought = max(shop.provider.simulator.books.rentals)
    shop.run("ledger", "resolve", row["ledger_id"], "--rental-id", str(bought))
    again = shop.post(f"/v1/rentals/{first}/replace", {"request_id": "order-2"})
    another = shop.post(f"/v1/rentals/{first}/replace", {"request_id": "order-3"})

    assert lost.json["code"] == "outcome_unknown"
    assert (row["operation"], row["replaces"]) == ("replace_rental", first)
    assert (again.json["id"], again.json["replaces"]) == (bought, first)
    assert (another.json["code"], another.json["replaced_by"]) == ("already_replaced", bought)


def test_only_those_of_unknown_outcome_and_only_so_many_can_be_listed(shop: Shop) -> None:
    for number in range(3):
        shop.rent(f"order-{number}")
    ledger_id = shop.lose("order-lost")

    assert [row["ledger_id"] for row in shop.rows("--unknown")] == [ledger_id]
    assert len(shop.rows("--limit", "2")) == 2


def test_a_purchase_that_was_made_is_settled_and_its_request_answered(shop: Shop) -> None:
    ledger_id = shop.lose()
    settled = shop.run("ledger", "resolve", ledger_id, "--rental-id", str(FIRST), "--price", "0.55")
    again = shop.rent()

    assert (settled.exit_code, settled.stdout) == (0, f"{ledger_id} is settled.\n")
    assert (again.status, again.json["id"], again.json["price"]) == (201, FIRST, "0.55")
    assert again.json["ledger_id"] == ledger_id
    assert again.headers["Idempotency-Replayed"] == "true"
    assert shop.provider.asked("rent-a-number") == 1
    assert shop.rows("--unknown") == []
    assert shop.rows()[0]["charged"] == "0.55"


def test_a_purchase_that_was_not_made_is_settled_and_its_request_refused(shop: Shop) -> None:
    ledger_id = shop.lose()
    settled = shop.run("ledger", "resolve", ledger_id, "--not-charged")
    again = shop.rent()

    assert settled.exit_code == 0
    assert (again.status, again.json["code"]) == (409, "upstream_refused")
    assert (again.json["charged"], again.json["retryable"]) == ("no", False)
    assert shop.provider.asked("rent-a-number") == 1
    assert shop.rows()[0]["state"] == "refused"


def test_one_rental_is_not_taken_for_what_two_purchases_bought(shop: Shop) -> None:
    made = shop.rent("order-1").json["id"]
    ledger_id = shop.lose("order-2")
    result = shop.run("ledger", "resolve", ledger_id, "--rental-id", str(made))

    assert result.exit_code == 2
    assert f"{made} was bought by another purchase" in result.stderr
    assert [row["ledger_id"] for row in shop.rows("--unknown")] == [ledger_id]


def test_what_is_settled_stays_as_it_is(shop: Shop) -> None:
    ledger_id = shop.lose()
    shop.run("ledger", "resolve", ledger_id, "--not-charged")
    again = shop.run("ledger", "resolve", ledger_id, "--rental-id", "1")

    assert again.exit_code == 1
    assert "no purchase of unknown outcome" in again.stderr
    assert shop.rows()[0]["state"] == "refused"


WRONG: list[tuple[tuple[str, ...], int]] = [
    (("nothing", "--not-charged"), 1),
    (("nothing",), 2),
    (("nothing", "--not-charged", "--rental-id", "1"), 2),
    (("nothing", "--rental-id", "0"), 2),
    (("nothing", "--rental-id", "1", "--price", "much"), 2),
    ((), 2),
]


@pytest.mark.parametrize(("words", "code"), WRONG, ids=str)
def test_what_makes_no_sense_is_refused(shop: Shop, words: tuple[str, ...], code: int) -> None:
    result = shop.run("ledger", "resolve", *words)

    assert result.exit_code == code
    assert "Traceback" not in result.output


def test_a_bought_purchase_cannot_be_settled_otherwise(shop: Shop) -> None:
    shop.rent()
    ledger_id = shop.rows()[0]["ledger_id"]
    result = shop.run("ledger", "resolve", ledger_id, "--not-charged")

    assert result.exit_code == 1
    assert shop.rows()[0]["state"] == "bought"


def test_a_refund_only_a_person_knows_of_is_written_down_once(shop: Shop) -> None:
    shop.rent()
    ledger_id = shop.rows()[0]["ledger_id"]
    recorded = shop.run("ledger", "record-refund", ledger_id, "--amount", "0.2")
    again = shop.run("ledger", "record-refund", ledger_id, "--amount", "0.2")
    [row] = shop.rows()

    assert recorded.exit_code == 0
    assert recorded.stdout == (
        f"$0.20 of $0.55 is written down as refunded for {ledger_id}, and its budgets have it "
        "back; no money was moved.\n"
    )
    assert again.exit_code == 2
    assert f"refunded before: $0.20 on {row['refunded_at']} (recorded)" in again.stderr
    assert (row["refunded"], row["refund_reason"]) == ("0.20", "recorded")
    assert shop.provider.asked("cancel-rental") == 0


def test_a_running_gateway_shows_what_was_recorded(shop: Shop) -> None:
    async def use() -> tuple[Answer, Answer, Answer]:
        given: dict[str, Any] = {"gateway_database_url": shop.url, "getatext_api_key": DEMO_KEY}
        async with run_gateway(shop.provider.url, **given) as running:
            client = running.client
            made = await client.post("/v1/rentals", {"service_code": "whatsapp"})
            rental = f"/v1/rentals/{made.json['id']}"
            await client.post(f"{rental}/complete")
            before = await client.get(rental)
            words = ("ledger", "record-refund", made.json["ledger_id"], "--amount", "0.55")
            await asyncio.to_thread(shop.run, *words)
            await until(lambda: is_refunded(client, rental))
            return before, await client.get(rental), await client.get("/v1/balance")

    async def is_refunded(client: Client, rental: str) -> bool:
        return (await client.get(rental)).json["refunded"] is not None

    before, after, balance = asyncio.run(use())

    assert (before.json["status"], before.json["refunded"]) == ("completed", None)
    assert (after.json["status"], after.json["refunded"]) == ("completed", "0.55")
    assert balance.json["spent_total"] == "0.00"


NO_REFUND: list[tuple[str, tuple[str, ...], str]] = [
    ("nothing", ("--amount", "0.1"), "There is no purchase with this id"),
    ("bought", ("--amount", "0.56"), "It cost $0.55: no more than that"),
    ("bought", ("--amount", "0"), "A refund is more than 0"),
    ("bought", ("--amount", "-1"), "must be an amount"),
    ("bought", (), "Missing option '--amount'"),
    ("unknown", ("--amount", "0.1"), "only what was bought can be refunded"),
]


@pytest.mark.parametrize(("which", "words", "said"), NO_REFUND, ids=str)
def test_a_refund_that_cannot_be_is_refused(
    shop: Shop, which: str, words: tuple[str, ...], said: str
) -> None:
    ids = {"nothing": "nothing"}
    if which == "bought":
        shop.rent()
        ids["bought"] = shop.rows()[0]["ledger_id"]
    elif which == "unknown":
        ids["unknown"] = shop.lose()
    result = shop.run("ledger", "record-refund", ids[which], *words)

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert [row["refunded"] for row in shop.rows()] in ([], ["0.00"])


def test_purging_keeps_what_is_young_and_what_was_paid(shop: Shop) -> None:
    shop.rent()
    young = shop.run("purge")
    old = shop.run("purge", "--days", "0")

    assert (young.exit_code, young.stdout.split()[0]) == (0, "0")
    assert (old.exit_code, old.stdout.split()[0] > "0") == (0, True)
    assert [(row["state"], row["charged"]) for row in shop.rows()] == [("bought", "0.55")]
