import csv
import io
import json
from pathlib import Path

import pytest

from adapters.simulator import Fault, FaultKind
from adapters.store import StoreError
from adapters.store.tables.ledger import StoredLedger
from gateway.cli.main import cli
from tests.cli.conftest import Provider, Run

KEY = "kq7Plain-0wn"  # looks like no key at all


def test_prices_are_searched_as_the_operation_searches(at: Run) -> None:
    words = ("--max-price", "0.55", "--in-stock", "--limit", "5")
    done = at("prices", "whats", *words, "--json")

    assert done.exit_code == 0
    assert [row["price"] for row in json.loads(done.stdout)["data"]] == ["0.55"]


def test_a_rental_lives_from_rent_to_complete(at: Run) -> None:
    rented = json.loads(at("rent", "whatsapp", "--max-price", "1", "--json").stdout)
    number = str(rented["id"])
    read = json.loads(at("status", number, "--json").stdout)
    completed = json.loads(at("complete", number, "--json").stdout)

    assert (rented["status"], rented["code"], rented["price"]) == ("active", None, "0.55")
    assert read["status"] == "code_received"
    assert read["code"]
    assert completed["status"] == "completed"


def test_a_rental_is_cancelled_and_the_number_rented_again(at: Run, provider: Provider) -> None:
    provider.simulator.change(code_after="never")
    number = str(json.loads(at("rent", "--yes", "whatsapp", "--json").stdout)["id"])

    assert json.loads(at("cancel", number, "--json").stdout)["status"] == "cancelled"
    again = at("again", "--yes", number, "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["id"] > int(number)


def test_what_happened_is_listed(at: Run, provider: Provider) -> None:
    provider.simulator.change(code_after="never")
    number = str(json.loads(at("rent", "--yes", "whatsapp", "--json").stdout)["id"])
    at("cancel", number)
    events = json.loads(at("events", "--rental-id", number, "--json").stdout)["data"]
    newest = events[0]["id"]
    none = at("events", "--after-id", newest, "--json")
    refunds = at("events", "--type", "rental.refunded", "--limit", "1", "--json")
    mistaken = at("events", "--type", "rental.improved")

    assert [event["type"] for event in events] == [
        "rental.ended", "rental.refunded", "rental.cancel_requested", "rental.created",
    ]  # fmt: skip
    assert json.loads(none.stdout)["data"] == []
    assert [event["data"]["refunded"] for event in json.loads(refunds.stdout)["data"]] == ["0.55"]
    assert (mistaken.exit_code, "rental.refunded" in mistaken.stderr) == (2, True)


@pytest.mark.parametrize(("verb", "end"), [("cancel", "cancelled"), ("complete", "completed")])
def test_a_change_is_repeated(verb: str, end: str, at: Run, provider: Provider) -> None:
    provider.simulator.change(code_after="never")
    number = str(json.loads(at("rent", "--yes", "whatsapp", "--json").stdout)["id"])
    answers = [at(verb, number, "--json") for _ in range(2)]

    assert [each.exit_code for each in answers] == [0, 0], answers[1].output
    assert [json.loads(each.stdout)["status"] for each in answers] == [end, end]


def test_a_request_id_of_any_allowed_length_buys_once(at: Run, provider: Provider) -> None:
    words = ("rent", "whatsapp", "--yes", "--request-id", "x" * 255)
    first, again = [at(*words) for _ in range(2)]
    too_long = at(*words[:-1], "x" * 256)

    assert first.exit_code == 0, first.output
    assert again.stdout == first.stdout
    assert (too_long.exit_code, "255" in too_long.stderr) == (2, True)
    assert provider.asked("rent-a-number") == 1


def test_an_empty_option_is_as_good_as_none(at: Run, provider: Provider) -> None:
    words = ("rent", "whatsapp", "--yes", "--request-id", "order-1")
    empty = ("--carrier", "", "--max-price", "", "--area-codes", "", "--number", "")
    plain, blank = at(*words), at(*words, *empty)
    prices, zero = [
        at("prices", "--json", "--sort", *rest) for rest in (["name"], ["", "--limit", "0"])
    ]

    assert (blank.exit_code, blank.stdout) == (0, plain.stdout)
    assert zero.exit_code == 0
    assert json.loads(zero.stdout)["data"] == json.loads(prices.stdout)["data"]
    assert provider.asked("rent-a-number") == 1


def test_options_reach_the_provider(at: Run, provider: Provider) -> None:
    words = ("--carrier", "verizon", "--keep-carrier", "--area-codes", "646", "--lock-area-code")
    done = at("rent", "whatsapp", "--max-price", "2.5", *words)

    assert done.exit_code == 0, done.output
    received = provider.simulator.journal.received[-1].json
    assert isinstance(received, dict)
    assert "verizon" in received.values()


def test_a_carrier_and_area_codes_are_taken_as_people_write_them(
    at: Run, provider: Provider
) -> None:
    done = at("rent", "--yes", "whatsapp", "--carrier", "T-Mobile", "--area-codes", "(212) 646")
    refused = at("rent", "--yes", "whatsapp", "--carrier", "sprint")

    assert done.exit_code == 0, done.output
    received = provider.simulator.journal.received[-1].json
    assert isinstance(received, dict)
    assert (received["carrier"], received["area_codes"]) == ("tmobile", "212,646")
    assert all(name in refused.stderr for name in ("at&t", "tmobile", "verizon"))


def test_long_rentals_live_from_create_to_cancel(at: Run, provider: Provider) -> None:
    made = json.loads(at("long", "create", "--yes", "1w", "--json").stdout)
    number = str(made["id"])

    assert (made["period"], made["auto_renew"]) == ("1w", False)
    assert json.loads(at("long", "auto-renew", number, "on", "--json").stdout)["auto_renew"] is True
    assert (
        json.loads(at("long", "auto-renew", number, "off", "--json").stdout)["auto_renew"] is False
    )
    assert json.loads(at("long", "renew", "--yes", number, "--json").stdout)["id"] == made["id"]
    assert json.loads(at("long", "messages", number, "--json").stdout)["data"] == []
    waited = at("long", "messages", number, "--wait", "1", "--after", "2025-07-06", "--json")
    assert json.loads(waited.stdout)["data"] == [], waited.output
    assert provider.asked("long-rental-messages") == 2
    assert len(json.loads(at("long", "list", "--json").stdout)["data"]) == 1
    assert json.loads(at("long", "cancel", number, "--json").stdout)["status"] == "cancelled"


def test_automatic_renewal_is_switched_on_where_a_renewal_is_allowed(at: Run) -> None:
    number = str(json.loads(at("long", "create", "--yes", "1w", "--json").stdout)["id"])
    limited = {"GATEWAY_BUDGET_DAY": "100"}
    renewed = at("long", "renew", "--yes", number, **limited)
    on = at("long", "auto-renew", number, "on", **limited)
    off = at("long", "auto-renew", number, "off", "--json", **limited)

    assert renewed.stderr.startswith("forbidden: ")
    assert (on.exit_code, on.stderr) == (renewed.exit_code, renewed.stderr)
    assert (off.exit_code, json.loads(off.stdout)["auto_renew"]) == (0, False)


def test_the_balance_is_one_object_on_one_line(at: Run) -> None:
    line = at("balance", "--json").stdout

    assert line.count("\n") == 1
    assert line.startswith('{"balance":"100.00","currency":"USD","spent_today":')


def test_a_refusal_is_one_sentence_in_the_command_lines_own_words(at: Run) -> None:
    done = at("rent", "--yes", "nothing-like-it")

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "service_not_found: There is no such service. Nothing was charged. "
        "Take a SERVICE from `prices`.\n"
        'The provider said: "Service not found"\n'
    )


def test_a_refused_price_says_which_one_is_needed(at: Run) -> None:
    words = ("rent", "whatsapp", "--max-price", "0.50")
    said, as_json = at(*words), at(*words, "--json")

    assert (said.exit_code, as_json.exit_code) == (1, 1)
    assert said.stderr.startswith(
        "price_too_high: The price is above --max-price: it takes $0.55 now. Nothing was charged"
    )
    assert json.loads(as_json.stderr)["price_needed"] == "0.55"


def test_a_service_is_rented_by_its_name(at: Run, provider: Provider) -> None:
    done = at("rent", " WhatsApp ", "--max-price", "1", "--json")

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["service_code"] == "whatsapp"
    assert provider.asked("rent-a-number") == 1


def test_a_service_that_is_none_has_candidates(at: Run, provider: Provider) -> None:
    sent, unsent = at("rent", "--yes", "whatsap"), at("rent", "--yes", "WhatsAp", "--json")

    assert (sent.exit_code, unsent.exit_code) == (1, 1)
    assert sent.stderr == (
        "service_not_found: There is no such service. Nothing was charged. "
        "Close: whatsapp $0.55. Take a SERVICE from `prices`.\n"
        'The provider said: "Service not found"\n'
    )
    (candidate,) = json.loads(unsent.stderr)["candidates"]
    assert (candidate["service_code"], candidate["price"]) == ("whatsapp", "0.55")
    assert provider.asked("rent-a-number") == 1


def test_an_empty_list_of_prices_says_why(at: Run) -> None:
    empty = json.loads(at("prices", "whatsap1", "--json").stdout)

    assert empty["data"] == []
    assert empty["notice"] == ("No service's name or code holds 'whatsap1'. Close: whatsapp 0.55.")


def test_with_json_an_error_is_the_problem_document(at: Run) -> None:
    done = at("rent", "--yes", "nothing-like-it", "--json")

    assert (done.exit_code, done.stdout) == (1, "")
    problem = json.loads(done.stderr)
    assert (problem["code"], problem["charged"]) == ("service_not_found", "no")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["status", "twelve"], "ID"),
        (["prices", "--limit", "1001"], "--limit: must be less than or equal to 1000."),
        (["status", "0"], "ID: must be greater than 0."),
        (["rent", "whatsapp", "--max-price", "0"], "--max-price: must be more than 0; for no"),
        (["rent", ""], "SERVICE: is required"),
        (["rent", "whatsapp", "--max-price", "much"], "--max-price"),
        (["rent", "whatsapp", "--carrier", "nokia"], "--carrier"),
        (["rent", "whatsapp", "--number", "2125550123", "--carrier", "tmobile"], "carrier"),
        (["rent", "whatsapp", "--number", "212"], " --number: must be a US number"),
        (["usage", "--since", "soon"], " --since: must be a date"),
        (["rent", "whatsapp", "--keep-carrier"], "--keep-carrier: needs a carrier"),
        (["long", "create", "3w"], "1w|2w|1m|1y"),
        (["rent"], "SERVICE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_input_is_named_and_nothing_is_sent(
    words: list[str], named: str, at: Run, provider: Provider
) -> None:
    done = at(*words)

    assert done.exit_code == 2
    assert named in done.stderr
    assert not provider.simulator.journal.received


def test_a_lost_answer_of_a_purchase_has_an_exit_code_of_its_own(
    at: Run, provider: Provider
) -> None:
    provider.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
    done = at("rent", "--yes", "whatsapp")

    assert done.exit_code == 3
    assert done.stderr.startswith("outcome_unknown: ")


def test_without_a_key_it_says_where_to_put_it(run: Run) -> None:
    done = run("balance", GETATEXT_API_KEY="")

    assert done.exit_code == 2
    assert done.stderr.startswith("unauthorized: No key is set.")
    assert "GETATEXT_API_KEY" in done.stderr


@pytest.mark.parametrize("log_level", ["info", "debug"])
def test_a_wrong_key_is_refused_and_never_shown(log_level: str, at: Run) -> None:
    done = at("balance", GETATEXT_API_KEY=KEY, GATEWAY_LOG_LEVEL=log_level)

    assert done.exit_code == 2
    assert "Check GETATEXT_API_KEY." in done.stderr
    assert KEY not in done.output


def test_pass_through_switched_off_does_not_lock_out_who_has_the_key(at: Run) -> None:
    assert at("balance", GATEWAY_PASS_THROUGH="false").exit_code == 0


def test_a_provider_that_is_down_is_a_sentence(at: Run) -> None:
    done = at("balance", GETATEXT_BASE_URL="http://127.0.0.1:1")

    assert done.exit_code == 1
    assert done.stderr.startswith("upstream_unavailable: ")


@pytest.mark.parametrize("words", [["balance"], ["wait", "1"], ["keys", "list"], ["purge"]])
def test_a_database_that_cannot_be_opened_is_a_sentence(words: list[str], at: Run) -> None:
    done = at(*words, GATEWAY_DATABASE_URL="mysql://127.0.0.1/x")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_service_codes_are_matched_with_the_price_list(at: Run) -> None:
    matched = json.loads(at("services", "--match", "--json", GATEWAY_PASS_THROUGH="false").stdout)[
        "data"
    ]
    (whatsapp,) = (row for row in matched if row["code"] == "wa")

    assert (whatsapp["service_code"], whatsapp["price"]) == ("whatsapp", "0.55")
    assert whatsapp["dialect"] == "SMS-Activate, DaisySMS"


def test_an_operators_code_is_told_from_the_built_in_ones(at: Run, tmp_path: Path) -> None:
    (tmp_path / "codes.toml").write_text('wa = "whatsapp"\nmine = "whatsapp"\n')
    own = {"GATEWAY_SERVICE_CODES": str(tmp_path / "codes.toml")}
    told = [
        {
            row["code"]: row["dialect"]
            for row in json.loads(at(*words, "--json", **own).stdout)["data"]
        }
        for words in (["services"], ["services", "--match"])
    ]

    assert told[0] == told[1]
    assert told[0]["mine"] == told[0]["wa"] == "GATEWAY_SERVICE_CODES"
    assert (told[0]["uk"], told[0]["abb"]) == ("SMS-Activate", "DaisySMS")


@pytest.mark.parametrize("words", [["services", "--match"], ["provider-webhook"]])
def test_what_needs_a_key_says_where_to_put_it(words: list[str], run: Run) -> None:
    done = run(*words)

    assert done.exit_code == 2
    assert done.stderr.startswith("Error: No key is set. Set the environment variable GETATEXT_")


def test_keys_are_not_taken_from_the_command_line(at: Run) -> None:
    assert cli.name
    assert at("balance", "--api-key", KEY).exit_code == 2


def test_a_ledger_that_fails_after_the_change_is_a_fault_and_no_wrong_input(
    at: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StoreError("away")

    number = str(json.loads(at("rent", "--yes", "whatsapp", "--json").stdout)["id"])
    monkeypatch.setattr(StoredLedger, "record", away)
    done = at("complete", number, "--json")

    assert done.exit_code == 1
    assert json.loads(done.stderr.splitlines()[-1])["code"] == "internal_error"


def test_rentals_are_written_as_csv_that_reads_back(at: Run) -> None:
    texts = ["=1+1", "@sum", "\uff1d1+1", "-2", 'a "b", c', "+1", "é", ""]
    for reference in texts:
        assert at("rent", "--yes", "whatsapp", "--reference", reference).exit_code == 0
    done = at("rentals", "--csv")
    page = at("rentals", "--csv", "--limit", "2")
    rows = list(csv.DictReader(io.StringIO(done.stdout_bytes.decode(), newline="")))
    listed = json.loads(at("rentals", "--json").stdout)["data"]

    assert done.stdout_bytes.count(b"\r\n") == len(texts) + 1
    assert [row["reference"] for row in reversed(rows)] == [
        "'=1+1", "'@sum", "'\uff1d1+1", "-2", 'a "b", c', "+1", "é", "",
    ]  # fmt: skip
    for row, told in zip(rows, listed, strict=True):
        assert row["number"] == told["number"]
        assert (row["price"], row["id"]) == ("0.55", str(told["id"]))
    assert "codes" not in rows[0]
    assert page.stdout_bytes.count(b"\r\n") == 3


def test_every_page_of_a_list_is_written_as_csv(at: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.cli.operations.MAX_PAGE", 2)
    for _ in range(5):
        at("rent", "--yes", "whatsapp")

    assert at("rentals", "--csv").stdout_bytes.count(b"\r\n") == 6


def test_usage_is_written_as_csv_under_the_name_of_its_groups(at: Run) -> None:
    at("rent", "--yes", "whatsapp", "--reference", "one")
    written = {
        by: list(csv.reader(io.StringIO(at("usage", "--by", by, "--csv").stdout)))
        for by in ("service", "reference", "key")
    }

    assert written["service"][0][:3] == ["service", "rentals", "codes"]
    assert written["service"][1][:2] == ["whatsapp", "1"]
    assert written["reference"][1][:2] == ["one", "1"]
    assert written["key"][0][:3] == ["key", "name", "rentals"]
    assert written["service"][1][written["service"][0].index("net")] == "0.55"


def test_an_empty_list_as_csv_is_its_header(at: Run) -> None:
    done = at("usage", "--csv", "--until", "2020-01-01")

    assert (done.exit_code, done.stdout_bytes.count(b"\r\n")) == (0, 1)


def test_csv_and_json_at_once_are_refused(at: Run) -> None:
    assert at("usage", "--csv", "--json").exit_code == 2
