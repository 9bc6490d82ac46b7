"""The judge of `make chaos` finds lost, foreign and changed deliveries of webhooks."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.history import History, Hook
from tests.chaos.judging import Verdict, judge
from tests.chaos.report import Result, report


def row(number: int, type: str = "rental.created", service: str = "wa") -> dict[str, Any]:
    return {"id": f"evt_{number}", "type": type, "data": {"service_code": service}, "details": None}


TOLD = {each["id"]: each for each in (row(1), row(2, service="tg"), row(3, "rental.ended"))}
WELL = Hook(
    "/hook",
    frozenset({"rental.created"}),
    "wa",
    TOLD,
    {"evt_1": "delivered"},
    [("evt_1", json.dumps(TOLD["evt_1"]))] * 2,
)


def verdict(**changes: Any) -> Verdict:
    return judge(History(hooks=[replace(WELL, **changes)]))


def test_what_came_once_or_twice_breaks_no_promise() -> None:
    assert verdict().breaches == []
    assert verdict(queued={"evt_1": "pending"}).breaches == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"received": []}, "never reached"),
        ({"service": None}, "evt_2 (rental.created) never reached"),
        ({"types": frozenset({"rental.created", "rental.ended"})}, "evt_3 (rental.ended) never"),
        ({"queued": {}}, "was never queued"),
        ({"queued": {"evt_1": "failed"}}, "was given up"),
    ],
)
def test_an_event_that_did_not_come_by_itself_is_lost(changes: dict[str, Any], words: str) -> None:
    found = verdict(**changes)

    [lost] = found.events_lost
    assert words in lost
    assert found.breaches == [lost]


@pytest.mark.parametrize(
    ("event", "body", "words"),
    [
        ("evt_2", json.dumps(TOLD["evt_2"]), "which it is not for"),  # another service
        ("evt_3", json.dumps(TOLD["evt_3"]), "which it is not for"),  # another type
        ("evt_9", json.dumps(row(9)), "which it is not for"),  # none that its key is told of
        ("evt_1", json.dumps(row(1) | {"details": {}}), "other than it is listed"),
        ("evt_1", json.dumps(TOLD["evt_1"], indent=1), "in several forms"),
    ],
)
def test_a_foreign_or_changed_delivery_is_found(event: str, body: str, words: str) -> None:
    found = verdict(received=[*WELL.received, (event, body)])

    [wrong] = found.events_wrong
    assert words in wrong
    assert found.breaches == [wrong]


def test_the_report_tells_of_them() -> None:
    broken = History(hooks=[replace(WELL, received=[("evt_2", "{}")])])
    text = report([Result("bad", broken, judge(broken))])

    assert "bad: evt_1 (rental.created) never reached /hook" in text
    assert "bad: evt_2 reached /hook, which it is not for" in text
