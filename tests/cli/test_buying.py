"""Buying at the command line: asked first at a terminal, said beforehand elsewhere."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from tests.cli.conftest import Elsewhere, Provider, Run
from tests.support.terminal import Shown, Typed, at_terminal

QUESTION = "Buy it? [y/N]: "
REPLAYED = (
    "This is the answer to the first purchase with this request id; nothing was bought now.\n"
)

AtTerminal = Callable[..., Shown]


@pytest.fixture
def sit(provider: Provider) -> AtTerminal:
    """Runs a command at a terminal, where each of the answers is typed once it is asked."""

    def run(
        *words: str, answers: tuple[object, ...] = (), columns: int = 80, **rest: Path
    ) -> Shown:
        env = {"GETATEXT_BASE_URL": provider.url, "GETATEXT_API_KEY": DEMO_KEY}
        typed: list[Typed] = [(QUESTION, each) for each in answers]  # type: ignore[misc]
        return at_terminal(*words, env=env, typed=typed, columns=columns, **rest)

    return run


def sent(provider: Provider) -> dict[str, object]:
    """What the provider received last."""
    body = provider.simulator.journal.received[-1].json
    assert isinstance(body, dict)
    return body


def bought(at: Run, *words: str) -> str:
    return str(json.loads(at(*words, "--yes", "--json").stdout)["id"])


def test_a_rent_is_asked_about_with_its_price_which_is_then_its_highest(
    sit: AtTerminal, provider: Provider
) -> None:
    shown = sit("rent", "WhatsApp", answers=("y\n",))

    assert shown.text.startswith(
        f"To buy: a US number for Whatsapp.\nIt costs at most $0.55.\n{QUESTION}y\n"
    )
    assert shown.exit_code == 0
    assert sent(provider)["max_price"] == 0.55


@pytest.mark.parametrize("answer", ["n\n", "\n", "perhaps\n", "\x04"])
def test_without_a_yes_nothing_is_bought(answer: str, sit: AtTerminal, provider: Provider) -> None:
    shown = sit("rent", "whatsapp", answers=(answer,))

    assert shown.exit_code == 1
    assert shown.text.endswith("\nNothing was bought.\n")
    assert provider.asked("rent-a-number") == 0


def test_ctrl_c_at_the_question_buys_nothing(sit: AtTerminal, provider: Provider) -> None:
    shown = sit("rent", "whatsapp", answers=("\x03",))

    assert shown.exit_code == 130
    assert shown.text.endswith("\nNothing was bought.\n")
    assert provider.asked("rent-a-number") == 0


def test_surcharges_are_in_what_it_costs_at_most(sit: AtTerminal, provider: Provider) -> None:
    words = (
        "--carrier",
        "verizon",
        "--area-codes",
        "212",
        "--area-codes",
        "646",
        "--lock-area-code",
    )
    shown = sit("rent", "whatsapp", *words, answers=("yes\n",), columns=200)

    assert "a US number for Whatsapp (if possible of verizon, only in 212,646).\n" in shown.text
    assert "It costs at most $0.77.\n" in shown.text
    assert (sent(provider)["max_price"], sent(provider)["area_codes"]) == (0.77, "212,646")


def test_a_highest_price_of_the_persons_own_stays(sit: AtTerminal, provider: Provider) -> None:
    shown = sit("rent", "whatsapp", "--max-price", "$1", answers=("y\n",))

    assert "It costs at most $1.00; by today's prices it costs $0.55.\n" in shown.text
    assert sent(provider)["max_price"] == 1.0


def test_yes_beforehand_is_not_asked_again(sit: AtTerminal, provider: Provider) -> None:
    shown = sit("rent", "whatsapp", "-y")

    assert (shown.exit_code, QUESTION in shown.text) == (0, False)
    assert provider.asked("rent-a-number") == 1


def test_the_question_stays_out_of_what_is_written_to_a_file(
    sit: AtTerminal, tmp_path: Path
) -> None:
    shown = sit("rent", "whatsapp", "--json", answers=("y\n",), stdout=tmp_path / "rental.json")

    assert QUESTION in shown.text
    assert json.loads((tmp_path / "rental.json").read_text())["price"] == "0.55"


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_what_was_bought_and_cannot_be_written_is_told_and_no_plain_failure(
    words: list[str], sit: AtTerminal, provider: Provider
) -> None:
    shown = sit("rent", "whatsapp", "--yes", *words, stdout=Path("/dev/full"))

    assert shown.exit_code == 3
    first, told, *more = shown.text.splitlines()
    assert first.startswith("What was bought could not be written (No space left on device)")
    assert json.loads(told)["id"] in provider.simulator.books.rentals
    assert not more


def test_what_cannot_be_bought_is_not_asked_about(sit: AtTerminal, provider: Provider) -> None:
    unknown, wrong = sit("rent", "whatsap"), sit("rent", "whatsapp", "--max-price", "cheap")

    assert unknown.text.replace("\n", " ").startswith(
        "service_not_found: No service has the code 'whatsap'. Close: whatsapp $0.55. Nothing was "
    )
    assert wrong.text.startswith("invalid_request: --max-price: must be an amount of dollars")
    assert (unknown.exit_code, wrong.exit_code) == (1, 2)
    assert QUESTION not in unknown.text + wrong.text
    assert provider.asked("rent-a-number") == 0


@pytest.mark.parametrize("verb", ["again", "replace"])
def test_a_rental_that_is_none_is_not_asked_about(verb: str, sit: AtTerminal) -> None:
    shown = sit(verb, "4711")

    assert shown.text.startswith("rental_not_found: There is no such rental for this key.")
    assert (shown.exit_code, QUESTION in shown.text) == (1, False)


def test_a_rent_without_readable_prices_says_so(sit: AtTerminal, provider: Provider) -> None:
    provider.script(Fault("prices-info", FaultKind.STATUS, times=None, status=400, body="closed"))
    shown = sit("rent", "whatsapp", answers=("n\n",))

    assert "To buy: a US number for whatsapp.\nIts price cannot be read now.\n" in shown.text


def test_renting_again_tells_the_number_and_asks_anew_when_the_price_rises(
    at: Run, sit: AtTerminal, provider: Provider
) -> None:
    number = bought(at, "rent", "whatsapp")

    def rise() -> str:
        provider.simulator.change(services={"whatsapp": {"price": "0.60"}})
        return "y\n"

    shown = sit("again", number, answers=(rise, "n\n"))

    assert "for Whatsapp once more.\nIt costs $0.55 by today's prices.\n" in shown.text
    assert "y\nIts price has risen.\nTo buy: +1" in shown.text
    assert "It costs $0.60 by today's prices.\n" in shown.text
    assert (shown.exit_code, provider.asked("re-rent")) == (1, 0)


def test_a_replacement_says_what_it_is_in_place_of(
    at: Run, sit: AtTerminal, provider: Provider
) -> None:
    provider.simulator.change(code_after="never")
    number = bought(at, "rent", "whatsapp")
    shown = sit("replace", number, answers=("y\n",), columns=200)

    assert "To buy: another US number for Whatsapp in place of +1" in shown.text
    assert "It costs at most $0.55.\n" in shown.text
    assert (shown.exit_code, sent(provider)["max_price"]) == (0, 0.55)
    assert sit("replace", number).text.startswith("already_replaced: ")


def test_long_rentals_say_that_they_tell_no_price_and_renewals_tell_theirs(
    at: Run, sit: AtTerminal
) -> None:
    created = sit("long", "create", "1W", "--auto-renew", answers=("n\n",))
    number = bought(at, "long", "create", "1w")
    price = json.loads(at("long", "list", "--json").stdout)["data"][0]["price"]
    renewed = sit("long", "renew", number, answers=("y\n",))

    assert created.text.startswith(
        "To buy: a US number for one week, renewed by itself.\n"
        "Its price is told only once it is bought.\n"
    )
    assert "To buy: another period (one week) of +1" in renewed.text
    assert f"It costs ${price} by today's prices.\n" in renewed.text
    assert (created.exit_code, renewed.exit_code) == (1, 0)


def test_numbers_are_not_broken_where_a_question_is_wider_than_the_terminal(
    at: Run, sit: AtTerminal
) -> None:
    number = bought(at, "rent", "whatsapp")
    rented = json.loads(at("status", number, "--json").stdout)["number"]
    shown = sit("again", number, answers=("n\n",), columns=30)

    assert rented in shown.text
    assert max(map(len, shown.text.splitlines())) < 30


def test_a_purchase_with_a_request_id_says_that_it_may_have_been_bought(
    sit: AtTerminal, provider: Provider
) -> None:
    words = ("rent", "whatsapp", "--request-id", "order-1")
    first = sit(*words, answers=("y\n",), columns=200)
    provider.simulator.change(services={"whatsapp": {"price": "0.60"}})
    second = sit(*words, answers=("y\n",), columns=200)

    assert "It costs nothing if it was bought before with this request id.\n" in first.text
    assert REPLAYED not in first.text
    assert f"{QUESTION}y\n{REPLAYED}" in second.text
    assert (second.exit_code, provider.asked("rent-a-number")) == (0, 1)


@pytest.mark.parametrize("more", [[], ["--json"], ["--wait"]], ids=" ".join)
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["rent", "whatsapp"], "say --yes, or --max-price USD"),
        (["replace", "7"], "say --yes, or --max-price USD"),
        (["again", "7"], "say --yes. It takes no --max-price"),
    ],
)
def test_where_nobody_can_be_asked_it_must_be_said_beforehand(
    words: list[str], wanted: str, more: list[str], at: Run, provider: Provider
) -> None:
    done = at(*words, *more)

    assert (done.exit_code, done.stdout) == (2, "")
    assert wanted in done.stderr
    assert "Nothing was bought." in done.stderr
    assert not provider.simulator.journal.received


def test_a_highest_price_is_agreement_enough_where_nobody_can_be_asked(
    at: Run, provider: Provider
) -> None:
    done = at("rent", "whatsapp", "--max-price", "0.60")

    assert done.exit_code == 0
    assert sent(provider)["max_price"] == 0.6
    assert at("rent", "whatsapp", "--max-price", "").exit_code == 2


@pytest.mark.parametrize("more", [[], ["--json"]], ids=["", "json"])
def test_an_answer_given_again_is_said_to_be_one(
    more: list[str], at: Run, provider: Provider
) -> None:
    words = ("rent", "whatsapp", "--yes", "--request-id", "order-1", *more)
    first, again = at(*words), at(*words)

    assert (first.stderr, again.stderr) == ("", REPLAYED)
    assert again.stdout == first.stdout
    assert provider.asked("rent-a-number") == 1


@pytest.fixture
def sit_there(elsewhere: Elsewhere) -> AtTerminal:
    """Runs a command at a terminal, at a gateway elsewhere; the answer to the question is typed."""

    def run(*words: str, answer: str = "y\n", url: str = elsewhere.there) -> Shown:
        env = {"GATEWAY_URL": url, "GETATEXT_API_KEY": DEMO_KEY}
        typed: list[Typed] = [] if "--yes" in words else [(QUESTION, answer)]
        return at_terminal(*words, env=env, columns=400, typed=typed)

    return run


def test_a_purchase_at_a_gateway_elsewhere_is_asked_about_too(
    sit_there: AtTerminal, elsewhere: Elsewhere
) -> None:
    declined = sit_there("rent", "Whatsapp", answer="n\n")
    asked_before = elsewhere.asked("rent-a-number")
    rented = sit_there("rent", "Whatsapp")
    repeatable = ("rent", "whatsapp", "--request-id", "order-1")
    first, again = sit_there(*repeatable), sit_there(*repeatable, "--yes")
    long = sit_there("long", "create", "1w", answer="n\n")

    assert (declined.exit_code, asked_before) == (1, 0)
    assert "To buy: a US number for Whatsapp.\nIt costs at most $0.55.\n" in rented.text
    assert "by today's prices. It costs nothing if it was bought before" in first.text
    assert (REPLAYED in first.text, REPLAYED in again.text) == (False, True)
    assert "Its price is told only once it is bought." in long.text
    assert elsewhere.asked("rent-a-number") == 2


def test_a_purchase_whose_answer_is_lost_can_be_repeated_as_it_was_sent(
    sit_there: AtTerminal, elsewhere: Elsewhere
) -> None:
    elsewhere.line.cuts, elsewhere.line.until = "whatsapp", b'"ledger_id"'
    lost = sit_there("rent", "whatsapp", url=elsewhere.line.url)
    told = re.search(r"Repeat the call \(--max-price (\S+)\) with --request-id (\S+):", lost.text)
    assert told, lost.text
    repeated = sit_there("rent", "whatsapp", "--max-price", told[1], "--request-id", told[2])

    assert (lost.exit_code, told[1], repeated.exit_code) == (3, "0.55", 0)
    assert f"{QUESTION}y\n{REPLAYED}" in repeated.text
    assert elsewhere.asked("rent-a-number") == 1
