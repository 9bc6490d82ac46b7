"""The judge of `make chaos` finds each kind of broken promise in a history, and no other."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.chaos.history import (
    Answer,
    Entry,
    GivenUp,
    History,
    Replacement,
    Sample,
    Sight,
    Sold,
    Told,
    Wish,
)
from tests.chaos.judging import Verdict, judge, unwritten
from tests.chaos.report import Result, report

PRICE = Decimal("0.55")
A, B = "sk_a", "sk_b"


def history() -> History:
    """Two purchases that went well: one got its code, one was cancelled."""
    return History(
        wishes=[
            Wish("one", A, "/v1", [1.0], [Answer(2.0, Told.BOUGHT, 7)]),
            Wish("two", B, ".php", [1.0, 3.0], [Answer(2.0, Told.LOST), told(4.0, 8)]),
        ],
        sights=[Sight(5.0, A, 7), Sight(7.0, A, 7, "012345"), Sight(6.0, B, 8)],
        sold=[
            Sold(7, "one", PRICE, 1.5, codes=(("012345", 6.0), ("999999", 60.0))),
            Sold(8, "two", PRICE, 1.5, refunded=PRICE),
        ],
        entries=[Entry("one", "bought", PRICE), Entry("two", "bought", PRICE, PRICE)],
        spent=PRICE,
    )


def told(at: float, rental: int) -> Answer:
    return Answer(at, Told.BOUGHT, rental)


def kinds(verdict: Verdict) -> list[str]:
    """The kinds of promises that were broken."""
    found = {
        "double": verdict.doubles,
        "wrong caller": verdict.wrong_callers,
        "late": verdict.late_codes,
        "unwritten": verdict.sold_unwritten,
        "given back twice": verdict.given_back_twice,
        "replaced twice": verdict.replaced_twice,
        "wish lost": verdict.wishes_lost,
        "books": verdict.books,
    }
    return [kind for kind, breaches in found.items() if breaches]


def test_what_went_well_breaks_no_promise() -> None:
    verdict = judge(history())

    assert verdict.breaches == []
    assert "yes" in report([Result("well", history(), verdict)])


def test_a_wish_that_was_sold_twice_is_a_double_purchase_and_in_no_ledger() -> None:
    broken = history()
    broken.sold.append(Sold(9, "two", PRICE, 3.5))

    assert kinds(judge(broken)) == ["double", "books"]


def test_both_sales_in_the_ledger_make_it_no_better() -> None:
    broken = history()
    broken.sold.append(Sold(9, "two", PRICE, 3.5))
    broken.entries.append(Entry("two", "bought", PRICE))
    broken.spent += PRICE

    assert kinds(judge(broken)) == ["double"]


def test_a_repeated_request_that_gets_another_rental_is_a_double_purchase() -> None:
    broken = history()
    broken.wishes[0].answers.append(told(3.0, 8))

    assert kinds(judge(broken)) == ["double", "wrong caller"]


@pytest.mark.parametrize(
    "sight",
    [
        Sight(9.0, B, 7),
        Sight(9.0, B, 7, "012345"),
        Sight(9.0, A, 7, "123456"),
        Sight(9.0, A, 99),
    ],
)
def test_what_is_shown_to_another_key_or_is_of_another_rental_is_found(sight: Sight) -> None:
    broken = history()
    broken.sights.append(sight)

    assert kinds(judge(broken)) == ["wrong caller"]


def test_a_code_that_is_never_shown_is_withheld() -> None:
    broken = history()
    broken.sights = [sight for sight in broken.sights if sight.code is None]

    assert kinds(judge(broken)) == ["late"]


@pytest.mark.parametrize(
    ("read", "outages", "kept"),
    [
        (15.9, [], True),
        (16.1, [], False),
        (29.0, [(5.0, 20.0)], True),
        (31.0, [(5.0, 20.0)], False),
        (29.0, [(7.0, 20.0)], True),  # it began before anybody looked
        (29.0, [(12.0, 20.0)], False),  # there was time enough before
        (29.0, [(1.0, 5.0), (20.0, 25.0)], False),
    ],
)
def test_a_code_is_late_where_no_outage_excuses_it(
    read: float, outages: list[tuple[float, float]], kept: bool
) -> None:
    broken = history()
    broken.sights[1] = replace(broken.sights[1], at=read)
    broken.outages = outages

    assert (kinds(judge(broken, grace=10.0)) == []) is kept


def test_a_code_of_a_purchase_that_was_answered_later_is_due_from_then() -> None:
    broken = history()
    broken.wishes[0].answers = [told(30.0, 7)]
    broken.sights[1] = replace(broken.sights[1], at=39.0)

    assert kinds(judge(broken, grace=10.0)) == []


def away(asked: float, sold: float, written: float) -> History:
    """The end of `one`, answered at 2, is missing from then on; `two` is asked for and sold."""
    missed, none = frozenset({"one"}), frozenset[str]()
    times = [0.5, 1.9, 2.1, 5.0, 9.0, 10.0]
    samples = [Sample(at, missed if 1.0 < at < written else none) for at in times]
    broken = replace(history(), samples=samples)
    broken.wishes[1].asked = [asked]
    broken.wishes[1].answers = [told(20.0, 8)]
    broken.sold[1] = replace(broken.sold[1], at=sold)
    return broken


@pytest.mark.parametrize(
    ("asked", "sold", "written", "kept"),
    [
        (4.0, 4.5, 9.5, False),
        (1.0, 4.5, 9.5, True),  # under way already
        (9.2, 9.4, 9.5, True),  # written, for all we know
        (4.0, 9.5, 9.5, True),  # it waited for that
        (4.0, 4.5, 2.0, True),  # written at once
    ],
)
def test_what_is_sold_while_an_end_is_unwritten_is_found(
    asked: float, sold: float, written: float, kept: bool
) -> None:
    assert kinds(judge(away(asked, sold, written))) == ([] if kept else ["unwritten"])


@pytest.mark.parametrize(("node", "kept"), [("a", False), ("b", True)])
def test_only_the_node_that_lacks_the_end_must_not_sell(node: str, kept: bool) -> None:
    told_by_a = away(4.0, 4.5, 9.5)
    for wish in told_by_a.wishes:
        wish.answers[:] = [replace(answer, node="a") for answer in wish.answers]
        wish.nodes[:] = [node] * len(wish.asked)

    assert kinds(judge(told_by_a)) == ([] if kept else ["unwritten"])


def test_an_end_is_unwritten_from_sample_to_sample_once_its_caller_was_told() -> None:
    assert list(unwritten(away(4.0, 4.5, 9.5))) == [(2.1, 9.0)]
    assert list(unwritten(history())) == []


@pytest.mark.parametrize(
    "change",
    [
        {"charged": Decimal("0.54")},
        {"refunded": Decimal("0.01")},
        {"state": "unknown"},
        {"service": "three"},
    ],
)
def test_a_ledger_that_differs_by_a_cent_or_is_not_settled_is_found(
    change: dict[str, object],
) -> None:
    broken = history()
    broken.entries[0] = replace(broken.entries[0], **change)  # type: ignore[arg-type]  # of Entry

    assert kinds(judge(broken)) == ["books"]


def test_a_sum_that_differs_is_found() -> None:
    assert kinds(judge(replace(history(), spent=Decimal("0.56")))) == ["books"]


def test_a_caller_who_was_told_that_nothing_was_charged_is_found() -> None:
    broken = history()
    broken.wishes[0].answers = [Answer(2.0, Told.REFUSED)]

    assert kinds(judge(broken)) == ["books"]


def test_a_lost_purchase_that_its_caller_was_told_to_be_unknown_breaks_nothing() -> None:
    fine = history()
    fine.wishes[0].answers = [Answer(2.0, Told.UNKNOWN)]

    assert judge(fine).breaches == []


def replaced(answer: Answer) -> History:
    """A history in which `two` was replaced by 9, which is cancelled, and its buyer told so."""
    fine = history()
    fine.sold.append(Sold(9, "two", PRICE, 3.5, refunded=PRICE))
    fine.entries.append(Entry("two", "bought", PRICE, PRICE))
    fine.replacements.append(Replacement(fine.wishes[1], 8, [answer]))
    fine.given_up += [GivenUp(B, 8), GivenUp(B, 9)]
    fine.ends.update([8, 9])
    return fine


def test_a_replacement_breaks_no_promise() -> None:
    fine = replaced(told(5.0, 9))
    verdict = judge(fine)

    assert verdict.breaches == []
    assert [len(fine.replacements), *Result("", fine, verdict).cells()[11:14]] == [1, "0", "0", "0"]


def test_a_number_that_is_replaced_twice_is_found() -> None:
    broken = replaced(told(5.0, 9))
    broken.sold.append(Sold(10, "two", PRICE, 4.5, refunded=PRICE))
    broken.entries.append(Entry("two", "bought", PRICE, PRICE))

    assert kinds(judge(broken)) == ["replaced twice"]


def test_two_replacements_that_are_told_are_found() -> None:
    broken = replaced(told(5.0, 9))
    broken.replacements[0].answers.append(told(6.0, 8))

    assert kinds(judge(broken)) == ["replaced twice"]


def test_a_replacement_that_was_refused_and_charged_is_found() -> None:
    assert kinds(judge(replaced(Answer(5.0, Told.REFUSED)))) == ["books"]


def test_a_rental_of_somebody_else_as_a_replacement_is_found() -> None:
    assert "wrong caller" in kinds(judge(replaced(told(5.0, 7))))


def test_a_number_that_is_kept_though_it_was_to_be_given_back_is_found() -> None:
    broken = replaced(told(5.0, 9))
    broken.given_up.append(GivenUp(A, 99))

    assert kinds(judge(broken)) == ["wish lost"]


def test_a_wish_lapses_where_a_code_came() -> None:
    fine = history()
    fine.given_up.append(GivenUp(A, 7))

    assert judge(fine).breaches == []


def test_what_was_given_back_twice_is_found() -> None:
    told_twice, paid_twice = replaced(told(5.0, 9)), history()
    told_twice.ends.update([9])
    paid_twice.entries[1] = replace(paid_twice.entries[1], refunded=2 * PRICE)

    assert kinds(judge(told_twice)) == ["given back twice"]
    assert kinds(judge(paid_twice)) == ["given back twice", "books"]


def test_the_report_tells_what_broke_and_how_often() -> None:
    broken = history()
    broken.sights += [Sight(9.0, B, 7)] * 7
    text = report([Result("bad", broken, judge(broken))])

    assert "| bad " in text
    assert text.count(f"bad: {B} was shown rental 7 of somebody else") == 5
    assert "bad: … and 2 more like these" in text
