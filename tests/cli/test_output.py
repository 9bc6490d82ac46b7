from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.cli import output
from gateway.cli.table import width_of
from gateway.cli.verbs import LONG_VERBS, VERBS, Verb
from gateway.core.model.account import Balance
from gateway.core.model.events import Event, EventDetails, EventList, EventType
from gateway.core.model.long_rentals import (
    LongRental,
    LongRentals,
    LongRentalStatus,
    Message,
    Messages,
    Period,
)
from gateway.core.model.prices import Price, PricePage
from gateway.core.model.rentals import Rental, Rentals, RentalStatus
from gateway.core.model.usage import Tally, Usage, UsageRow, figures

PRICES, RENT, RENTALS, EVENTS, USAGE = (
    next(verb for verb in VERBS if verb.name == name)
    for name in ("prices", "rent", "rentals", "events", "usage")
)
MESSAGES = LONG_VERBS[-1]
NOON = datetime(2025, 7, 6, 12, 0, 1, tzinfo=UTC)
WHATSAPP = Price(
    service_code="whatsapp", service_name="Whatsapp", price=Decimal("0.55"), stock=None
)


Shown = Callable[..., str]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shown:
    """Shows a value as at a terminal of this width, without colours."""

    def write(value: BaseModel, verb: Verb = RENT, width: int = 80, **how: Any) -> str:
        monkeypatch.setattr(output, "terminal_width", lambda: width)
        output.show(value, verb, as_json=False, **how)
        return capsys.readouterr().out

    return write


def test_prices_are_a_table_that_says_how_old_it_is(shown: Shown) -> None:
    text = shown(PricePage(data=[WHATSAPP], next_cursor="abc", fetched_at=NOON, stale=True), PRICES)

    assert "service name" in text
    assert "$0.55" in text
    assert "currency" not in text
    assert "1 rows, as of 2025-07-06 12:00:01 UTC, older than it should be." in text
    assert "More: repeat it with --cursor abc\n" in text


def test_an_empty_list_says_what_is_empty_and_what_to_do(shown: Shown) -> None:
    empty = Rentals(data=[])

    assert shown(empty, RENTALS) == "No rentals yet. Rent one: getatext-gateway rent SERVICE\n"
    assert shown(empty, RENTALS, narrowed_by=["--status", "--since"]) == (
        "No rentals fit --status, --since. Leave that out to see more.\n"
    )
    assert "messages ID --wait" in shown(Messages(data=[]), MESSAGES)


def test_an_empty_list_of_prices_says_why_in_the_words_of_the_command_line(shown: Shown) -> None:
    why = "1 service fits, at 0.55 USD, above max_price. \x1b[31m"
    text = shown(PricePage(data=[], notice=why, fetched_at=NOON, stale=False), PRICES)

    assert "1 service fits, at $0.55, above --max-price. \u00b7[31m" in text


def test_a_rental_is_a_card_without_what_is_absent_and_with_the_next_step(shown: Shown) -> None:
    rental = Rental(id=7, status=RentalStatus.ACTIVE, number="+14104287665", price=Decimal("0.55"))
    text = shown(rental)

    assert "+14104287665" in text
    assert "ends at" not in text
    assert text.endswith("getatext-gateway wait 7\n")


def test_events_fit_a_usual_terminal_each_with_what_it_is_about(shown: Shown) -> None:
    rental = Rental(
        id=1795494955310,
        status=RentalStatus.CODE_RECEIVED,
        service_code="whatsapp",
        number="+14104287665",
        code="012345",
    )
    coded = Event(id=71, type=EventType.RENTAL_CODE_RECEIVED, timestamp=NOON, data=rental)
    low = Event(id=72, type=EventType.BALANCE_LOW, timestamp=NOON, data=None)
    text = shown(EventList(data=[low, coded], next_cursor="evt_71"), EVENTS, width=100)
    heading, *lines = [line for line in text.splitlines() if line.strip(" ─")]

    assert heading.split() == [
        "id", "type", "timestamp", "(UTC)", "rental", "id", "service", "number", "code",
    ]  # fmt: skip
    assert lines[0].split() == ["evt_72", "balance.low", "07-06", "12:00", *"----"]
    assert lines[1].split() == [
        "evt_71", "rental.code_received", "07-06", "12:00",
        "1795494955310", "whatsapp", "+14104287665", "012345",
    ]  # fmt: skip
    assert lines[2] == "More: repeat it with --cursor evt_71"


def test_an_alarm_shows_what_it_tells_in_words(shown: Shown) -> None:
    details = EventDetails(limit="day", percent=80, spent=Decimal("0.80"), budget=Decimal(1))
    reached = Event(
        id=73, type=EventType.KEY_BUDGET_REACHED, timestamp=NOON, data=None, details=details
    )
    heading, line, *_ = [
        line
        for line in shown(EventList(data=[reached]), EVENTS, width=120).splitlines()
        if line.strip(" ─")
    ]

    assert heading.split() == ["id", "type", "timestamp", "(UTC)", "details"]
    assert "limit day, percent 80, spent $0.80, budget $1.00" in line


def test_rentals_fit_a_usual_terminal_each_on_its_line(shown: Shown) -> None:
    rental = Rental(
        id=12345,
        ledger_id="6612c666fa62d1f8d833386a9",
        status=RentalStatus.CODE_RECEIVED,
        service_code="whatsapp",
        service_name="Whatsapp",
        number="+14104287665",
        code="596853",
        price=Decimal("0.55"),
        created_at=NOON,
        ends_at=NOON,
    )
    unknown = rental.model_copy(update={"id": None, "status": RentalStatus.UNKNOWN})
    text = shown(Rentals(data=[rental]), RENTALS)

    (row,) = [line for line in text.splitlines() if "12345" in line]
    seen = "12345 code_received whatsapp +14104287665 596853 $0.55 07-06 12:00"
    assert " ".join(row.split()) == seen
    assert "6612c666" in shown(Rentals(data=[rental, unknown]), RENTALS)


def test_numbers_of_long_rentals_are_not_broken_on_a_usual_terminal(shown: Shown) -> None:
    one = LongRental(
        id=123456,
        status=LongRentalStatus.CANCELLED,
        number="+14104287665",
        price=Decimal("10.55"),
        period=Period.ONE_WEEK,
        auto_renew=True,
        rented_on=date(2025, 7, 6),
        ends_on=date(2025, 7, 13),
    )
    text = shown(LongRentals(data=[one, one]), LONG_VERBS[0])

    assert "+14104287665" in text
    assert "2025-07-13" in text


def test_the_balance_shows_its_cents(shown: Shown) -> None:
    assert "$100.00" in shown(Balance(balance=Decimal(100)))


def test_a_strangers_text_cannot_steer_the_terminal_or_the_layout(shown: Shown) -> None:
    text = shown(
        Messages(data=[Message(text="\x1b[2J[red]hi\u202e\n[/red] \u2764\ufe0f")]), MESSAGES
    )

    assert "\x1b" not in text
    assert "·[2J[red]hi··[/red] \u2764\ufe0f" in text


def test_rows_are_shown_with_every_column_and_whole_times(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row: output.Row = {
        "name": "a [red]shop\x1b",
        "expires_at": "2999-12-31T00:00:00Z",
        "admin": False,
        "services": ["telegram", "whatsapp"],
        "max_price": None,
    }
    output.show_rows([row], as_json=False, wide=True)
    head, _, cells = (" ".join(line.split()) for line in capsys.readouterr().out.splitlines())

    assert head == "name expires at admin services max price"
    assert cells == "a [red]shop· 2999-12-31 00:00:00 UTC no telegram, whatsapp -"


def widths(text: str) -> list[int]:
    return [len(line) for line in text.splitlines()]


def test_columns_go_one_after_the_other_and_then_rows_are_cards(shown: Shown) -> None:
    rental = Rental(
        id=1795494955310,
        ledger_id="6612c666fa62d1f8d833386a9",
        status=RentalStatus.CODE_RECEIVED,
        service_code="whatsapp",
        number="+14104287665",
        code="596853",
        price=Decimal("0.55"),
        ends_at=NOON,
    )
    texts = {width: shown(Rentals(data=[rental] * 2), RENTALS, width) for width in (80, 60, 30)}
    wide = shown(Rentals(data=[rental]), RENTALS, wide=True)

    for width, text in texts.items():
        assert max(widths(text)) <= width
        assert text.split().count("1795494955310") == 2
        assert text.split().count("+14104287665") == 2
        assert text.split().count("596853") == 2
    assert [("ends (UTC)" in text, "$0.55" in text) for text in texts.values()] == [
        (True, True), (False, False), (True, True),
    ]  # fmt: skip
    assert texts[30].startswith("id          1795494955310\nstatus      code_received\n")
    assert "6612c666fa62d1f8d833386a9" in wide.split()


def test_words_wrap_and_no_word_breaks_however_wide_its_characters_are(shown: Shown) -> None:
    link = "https://example.com/" + "x" * 60
    texts = [
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
        "\u4f60\u597d " * 30,
    ]
    messages = Messages(data=[Message(text=text, received_at=NOON) for text in texts])
    text = shown(messages, MESSAGES, 60)
    lines = text.splitlines()

    assert max(map(width_of, lines)) <= 60
    assert "fourteen" in text.split()
    assert text.count("\u4f60\u597d") == 30
    assert link in shown(Messages(data=[Message(text=link)]), MESSAGES, 60).split()


def test_a_sentence_keeps_the_command_in_it_on_one_line(shown: Shown) -> None:
    lost = Rental(id=None, ledger_id="6612c666fa62d1f8d833386a9", status=RentalStatus.UNKNOWN)
    command = "`getatext-gateway ledger resolve 6612c666fa62d1f8d833386a9`."
    one, two = (shown(Rentals(data=[lost] * many), RENTALS, 60) for many in (1, 2))

    assert one.endswith(f"The operator settles it with\n{command}\n")
    assert "`getatext-gateway ledger resolve LEDGER_ID`" in two
    longer = LongRental(id=None, status=LongRentalStatus.UNKNOWN)
    told = Event(id=7, type=EventType.PURCHASE_OUTCOME_UNKNOWN, timestamp=NOON, data=None)
    for page, verb in (
        (LongRentals(data=[longer]), LONG_VERBS[0]),
        (EventList(data=[told]), EVENTS),
    ):
        assert "`getatext-gateway ledger resolve LEDGER_ID`" in shown(page, verb)
    assert two.count("6612c666fa62d1f8d833386a9") == 2


def test_usage_says_what_it_came_to_in_all(shown: Shown) -> None:
    tally = Tally(rentals=6, charged=3_300_000, refunded=550_000, reserved=550_000, cancelled=1)
    tally.codes.update({12: 5})
    row = UsageRow(**figures(tally).model_dump(), group="whatsapp", name=None)
    usage = Usage(group_by="service", since=None, until=None, total=figures(tally), data=[row])
    text = shown(usage, USAGE)

    assert text.split()[:3] == ["service", "rentals", "codes"]
    assert "83%" in text
    assert "In all $2.75: $3.30 less $0.55 refunded; $0.55 more is reserved for purchases" in text
    assert "`getatext-gateway ledger resolve LEDGER_ID`" in text
