"""Commands at a gateway elsewhere, and what a key of a gateway's may do in every command."""

import asyncio
import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pydantic import AnyHttpUrl

from adapters.gateway_client import replies
from adapters.simulator import DEMO_KEY, Fault, FaultKind
from gateway.cli.commands import wait
from gateway.cli.execution import advised_at_terminal
from gateway.cli.session import Session
from gateway.core.model.errors import RateLimited
from gateway.core.model.http_errors import UnsupportedMediaType
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.operations.catalog import CATALOG
from gateway.settings import Settings
from tests.cli.conftest import Elsewhere, Run

GATEWAY_KEY = "gtw_abcdefghijklmnopqrstuvwxyz012345"
RENT = ("rent", "whatsapp", "--max-price", "1", "--json")


def value(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_operations_are_run_by_the_gateway_there(
    there: Run, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    rented = [value(there(*RENT, "--reference", str(number))) for number in range(3)]
    number = str(rented[0]["id"])
    listed = value(there("rentals", "--json"))["data"]
    received = value(there("status", number, "--json"))
    completed = value(there("complete", number, "--json"))
    waited = value(there("wait", number, "--json"))
    matched = value(there("services", "--match", "--json"))["data"]
    monkeypatch.setattr("gateway.cli.operations.MAX_PAGE", 2)
    rows = list(csv.reader(io.StringIO(there("rentals", "--csv").stdout)))

    assert [row["id"] for row in reversed(listed)] == [row["id"] for row in rented]
    assert (received["status"], completed["status"]) == ("code_received", "completed")
    assert waited["code"] == received["code"]
    assert {row["code"]: row["price"] for row in matched}["wa"] == "0.55"
    assert [row[0] for row in rows] == ["id", *(str(row["id"]) for row in listed)]
    assert len(elsewhere.simulator.books.rentals) == 3


def test_the_option_wins_over_the_setting_and_may_be_the_address_of_a_face(
    there: Run, elsewhere: Elsewhere
) -> None:
    done = there(
        "balance", "--json", "--gateway", f"{elsewhere.there}/mcp", GATEWAY_URL="http://127.0.0.1:1"
    )

    assert value(done)["balance"] == "100.00"


@pytest.mark.parametrize("url", ["gateway.example.com", "ftp://gateway.example.com", "http://"])
def test_what_is_no_address_of_a_gateway_is_told(url: str, there: Run) -> None:
    done = there("balance", "--gateway", url)

    assert done.exit_code == 2
    assert "must be an address such as https://gateway.example.com" in done.stderr


def test_a_refusal_is_told_in_the_command_lines_words(there: Run, elsewhere: Elsewhere) -> None:
    unknown, dear = there("rent", "nothing-like-it", "--max-price", "1"), there(*RENT[:3], "0.10")
    wrong = there("balance", GETATEXT_API_KEY="sk_wrong")
    strange = there("balance", GATEWAY_KEY=GATEWAY_KEY)

    assert (unknown.exit_code, dear.exit_code) == (1, 1)
    assert "Take a SERVICE from `prices`." in unknown.stderr
    assert "The price is above --max-price: it takes $0.55 now." in dear.stderr
    assert (wrong.exit_code, strange.exit_code) == (2, 2)
    assert (
        "Check GETATEXT_API_KEY. Or: Set the environment variable GATEWAY_KEY to a key of that "
        "gateway's.\n" in wrong.stderr
    )
    assert strange.stderr == (
        "unauthorized: The key is not accepted. Nothing was charged. Check GATEWAY_KEY.\n"
    )
    assert GATEWAY_KEY not in strange.output


def test_no_refusal_speaks_of_headers_and_addresses() -> None:
    settings = Settings(gateway_url=AnyHttpUrl("http://127.0.0.1:1"))
    told = {
        kind.__name__: advised_at_terminal(kind(), Session(settings)).detail
        for op in CATALOG
        for kind in {*op.errors, *op.errors_besides} - {UnsupportedMediaType}  # all send JSON
    }

    assert len(told) > 25
    assert not [
        f"{name}: {text}"
        for name, text in told.items()
        if re.search("header|X-API-Key|Retry-After|openapi", text)
    ]


def test_without_a_key_it_says_which_one_it_wants(there: Run) -> None:
    for words in (["balance"], ["services", "--match"]):
        done = there(*words, GETATEXT_API_KEY="")

        assert done.exit_code == 2
        assert "No key is set." in done.stderr
        assert "GATEWAY_KEY to a key of that gateway's." in done.stderr


def test_a_gateway_that_is_not_there_was_sent_nothing(there: Run) -> None:
    done = there(*RENT[:-1], GATEWAY_URL="http://127.0.0.1:1")

    assert done.exit_code == 1
    assert done.stderr.startswith(
        "upstream_unavailable: The gateway at http://127.0.0.1:1 cannot be reached (connection "
        "refused), so nothing was sent. Nothing was charged."
    )


def test_a_key_goes_over_plain_http_to_another_machine_with_a_warning(there: Run) -> None:
    done = there("balance", "--gateway", "http://user:secret@no-such-host.invalid")

    assert done.exit_code == 1
    assert "sent unencrypted: use https" in done.stderr
    assert "secret" not in done.output


def test_the_providers_key_does_not_go_to_another_machine_unsaid(there: Run) -> None:
    other = "https://user:secret@no-such-host.invalid:9/v1"
    own, a_gateways = (
        there("balance", "--gateway", other),
        there("balance", "--gateway", other, GATEWAY_KEY=GATEWAY_KEY),
    )

    assert "GETATEXT_API_KEY is sent to no-such-host.invalid:9: who runs" in own.stderr
    assert "is sent to" not in a_gateways.stderr + there("balance").stderr
    assert not {"secret", DEMO_KEY} & set(re.split(r"\W", own.output))


def test_a_lost_answer_names_the_request_id_by_which_it_is_asked_for_again(
    there: Run, elsewhere: Elsewhere
) -> None:
    elsewhere.line.cuts, elsewhere.line.until = "whatsapp", b'"ledger_id"'
    lost = there(*RENT[:-1], GATEWAY_URL=elsewhere.line.url)
    found = re.search(r"with --request-id (cli-[0-9a-f]{24}): that answers", lost.stderr)
    assert found, lost.stderr
    again = there(*RENT, "--request-id", found[1])

    assert "nothing was bought now" in again.stderr
    assert (lost.exit_code, elsewhere.line.cut) == (3, 1)
    assert lost.stderr.startswith("outcome_unknown: The answer of the gateway was lost. It is not")
    assert list(elsewhere.simulator.books.rentals) == [value(again)["id"]]


def test_a_command_that_fails_after_it_has_sent_a_purchase_does_not_call_it_unbought(
    there: Run, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*of: object) -> None:
        raise RuntimeError("a fault of the command's own")

    monkeypatch.setattr(replies, "read", fails)
    done = there(*RENT[:-1], "--request-id", "order-1")

    assert len(elsewhere.simulator.books.rentals) == 1
    assert done.exit_code == 3
    assert "It is not known whether money was charged." in done.stderr
    assert "--request-id order-1" in done.stderr


def test_an_outcome_that_the_gateway_does_not_know_has_the_same_exit_code(
    there: Run, elsewhere: Elsewhere
) -> None:
    elsewhere.script(Fault("rent-a-number", FaultKind.DROP_AFTER))

    assert there(*RENT).exit_code == 3


@pytest.fixture
def embedded(elsewhere: Elsewhere, run: Run) -> Run:
    """Runs a command in a gateway of its own, on the database of the other one."""
    settings = elsewhere.gateway.settings
    usual = {
        "GETATEXT_BASE_URL": elsewhere.url,
        "GETATEXT_API_KEY": DEMO_KEY,
        "GATEWAY_DATABASE_URL": settings.gateway_database_url or "",
    }
    return lambda *words, **env: run(*words, **(usual | env))


@pytest.fixture(params=["embedded", "there"])
def either(request: pytest.FixtureRequest) -> Run:
    """Runs a command in a gateway of its own, or at one elsewhere."""
    run: Run = request.getfixturevalue(request.param)
    return run


def test_a_gateways_key_keeps_its_limits_and_sees_its_own(
    either: Run, elsewhere: Elsewhere
) -> None:
    key = elsewhere.key(
        "n8n", services=frozenset({"whatsapp"}), budget_total=Decimal("1.00"), max_active=5
    )
    others = value(either(*RENT))["id"]
    own = value(either(*RENT, GATEWAY_KEY=key))["id"]
    seen = value(either("rentals", "--json", GATEWAY_KEY=key))["data"]
    status = either("status", str(others), GATEWAY_KEY=key)
    spent = value(either("balance", "--json", GATEWAY_KEY=key))
    dear = either(*RENT, GATEWAY_KEY=key)
    other = either("rent", "telegram", "--max-price", "9", GATEWAY_KEY=key)

    assert [row["id"] for row in seen] == [own]
    assert (status.exit_code, "rental_not_found" in status.stderr) == (1, True)
    assert (spent["spent_total"], spent["left_total"]) == ("0.55", "0.45")
    assert (dear.exit_code, "budget_exceeded" in dear.stderr) == (1, True)
    assert (other.exit_code, "service_not_allowed" in other.stderr) == (1, True)


def test_a_reading_key_changes_nothing(either: Run, elsewhere: Elsewhere) -> None:
    done = either(*RENT, GATEWAY_KEY=elsewhere.key("reader", read_only=True))

    assert (done.exit_code, "forbidden" in done.stderr) == (2, True)
    assert not elsewhere.simulator.books.rentals


def test_a_gateways_key_that_is_unknown_here_is_refused(embedded: Run) -> None:
    unknown = embedded("balance", GATEWAY_KEY=GATEWAY_KEY)
    alone = embedded("balance", GATEWAY_KEY=GATEWAY_KEY, GETATEXT_API_KEY="")

    assert unknown.exit_code == 2
    assert unknown.stderr == (
        "unauthorized: The key is not accepted. Nothing was charged. Check GATEWAY_KEY.\n"
    )
    assert alone.exit_code == 2
    assert "the account of GETATEXT_API_KEY, which is not set" in alone.stderr
    assert "--gateway URL, or GATEWAY_URL" in alone.stderr


@pytest.mark.parametrize(
    "words", [["balance"], ["wait", "1"], ["keys", "list"], ["serve"], ["mcp"]], ids=" ".join
)
def test_keys_in_each_others_places_are_told_apart(words: list[str], run: Run) -> None:
    ours = run(*words, GETATEXT_API_KEY=GATEWAY_KEY)
    theirs = run(*words, GETATEXT_API_KEY=DEMO_KEY, GATEWAY_KEY="sk_of_the_provider")

    assert (ours.exit_code, theirs.exit_code) == (2, 2)
    assert ours.stderr.startswith("Error: GETATEXT_API_KEY: holds a gateway's key (gtw_…)")
    assert "put it into GATEWAY_KEY, and name the gateway that made it: --gateway" in ours.stderr
    assert theirs.stderr.startswith("Error: GATEWAY_KEY: holds no gateway's key")
    assert "belongs in GETATEXT_API_KEY" in theirs.stderr
    assert GATEWAY_KEY not in ours.output
    assert "sk_of_the_provider" not in theirs.output


def test_a_command_about_the_database_here_says_so_where_the_gateway_is_another_machines(
    run: Run, tmp_path: Path
) -> None:
    database = {"GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/gateway.db"}
    near = run("ledger", "list", GATEWAY_URL="http://127.0.0.1:1", **database)
    far = run("ledger", "list", GATEWAY_URL="https://gateway.example.com", **database)

    assert (near.exit_code, near.stderr) == (0, "")
    assert far.exit_code == 0
    assert far.stderr == "This command is about the database here, not the gateway elsewhere.\n"


def test_wait_gives_up_after_so_many_seconds(either: Run, elsewhere: Elsewhere) -> None:
    elsewhere.simulator.change(code_after="never")
    number = value(either(*RENT))["id"]
    once = either("wait", str(number), "--seconds", "0")
    second = either("wait", str(number), "--seconds", "1", "--json")

    goes_on = f"The rental goes on. Its code: getatext-gateway wait {number}\n"
    assert (once.exit_code, once.stderr) == (1, f"No code yet. {goes_on}")
    assert (second.exit_code, second.stderr) == (1, f"No code within 1 seconds. {goes_on}")
    assert json.loads(second.stdout)["status"] == "pending"

    elsewhere.send(number, "111111")
    assert either("wait", str(number)).stdout == "111111\n"
    another = either("wait", str(number), "--next", "--seconds", "0")
    assert another.stderr == f"No code yet. {goes_on[:-1]} --next\n"


async def test_wait_bears_a_refusal_for_no_longer_than_it_waits() -> None:
    class Busy:
        async def answer(self, *asked: object) -> Any:
            raise RateLimited(retry_after=3600)

    rental = Rental(id=7, ledger_id="1", status=RentalStatus.ACTIVE, currency="USD")
    async with asyncio.timeout(60):
        with pytest.raises(RateLimited):
            await wait._Waiting(rental, "trace", seconds=1).code(Busy())


def test_wait_is_for_the_next_code_where_one_is_known(
    either: Run, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere.simulator.change(code_after="never")
    number = value(either(*RENT))["id"]
    elsewhere.send(number, "111111")
    known = value(either("wait", str(number), "--json"))

    @contextmanager
    def comes(rental: Rental) -> Iterator[None]:
        elsewhere.send(number, "222222")
        yield

    monkeypatch.setattr(wait, "_live_line", comes)
    following = value(either("wait", str(number), "--next", "--seconds", "60", "--json"))

    assert (known["code"], following["code"]) == ("111111", "222222")


def test_wait_outlasts_a_restart_of_the_gateway(
    there: Run, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere.simulator.change(code_after="never")
    number = value(there(*RENT))["id"]

    @contextmanager
    def away(rental: Rental) -> Iterator[None]:
        running, elsewhere.line.gateway_url = elsewhere.there, "http://127.0.0.1:1"
        elsewhere.send(number, "111111")
        restarted = partial(setattr, elsewhere.line, "gateway_url", running)
        elsewhere.loop.call_soon_threadsafe(elsewhere.loop.call_later, 0.5, restarted)
        yield

    monkeypatch.setattr(wait, "_live_line", away)
    waited = there("wait", str(number), "--json", GATEWAY_URL=elsewhere.line.url)

    assert value(waited)["code"] == "111111"
