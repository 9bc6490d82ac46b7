"""A parameter that purchases are refused for is named to the operator, once a minute."""

import pytest
import structlog
from structlog.testing import capture_logs

from adapters.simulator import DEMO_KEY
from gateway.core.model.redact import REDACTED
from gateway.http.dropins import unknown_parameters
from gateway.http.dropins.unknown_parameters import UnknownParameters
from tests.faces.support import DAISY, PHP, STUB, Tool

SECRET = "sk_live_0b5f9c8e4d3a"
PURCHASES = {
    "SMS-Activate": (f"GET {PHP}?api_key={DEMO_KEY}&action=getNumber&service=wa&{{}}=1", {}),
    "DaisySMS": (f"GET {DAISY}?api_key={DEMO_KEY}&action=getNumber&service=wa&{{}}=1", {}),
    "its GET form": (f"GET {STUB}?api_key={DEMO_KEY}&action=getNumber&service=whatsapp&{{}}=1", {}),
    "its REST": (
        "POST /api/v1/rent-a-number?{}=1",
        {"headers": {"Auth": DEMO_KEY}, "json": {"service": "whatsapp"}},
    ),
}


class Clock:
    """Seconds, as a test sets them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_parameters, "log", structlog.get_logger("gateway.dropins"))


def named(lines: list[dict[str, object]]) -> list[object]:
    return [line["parameters"] for line in lines if "parameters" in line]


def test_each_name_is_written_once_a_minute() -> None:
    clock = Clock()
    unknown = UnknownParameters(clock)
    with capture_logs() as lines:
        for clock.now, names in (
            (0.0, ["whatever"]),
            (59.9, ["whatever"]),
            (59.9, ["whatever", "other"]),
            (60.1, ["whatever", "other"]),
            (60.1, ["other"]),
            (120.0, ["other"]),
        ):
            unknown.refused(names, "trace")

    assert named(list(map(dict, lines))) == ["whatever", "other", "whatever", "other"]
    assert {line["trace_id"] for line in lines} == {"trace"}


def test_many_names_are_told_some_at_a_time_and_a_key_among_them_is_not_repeated() -> None:
    unknown = UnknownParameters()
    with capture_logs() as lines:
        for _ in range(3):
            unknown.refused([SECRET, *(f"name{n}" for n in range(6))], "trace")

    first, second = f"{REDACTED}, name0, name1, name2, name3", "name4, name5"
    assert named(list(map(dict, lines))) == [first, second]


@pytest.mark.parametrize("purchase", PURCHASES.values(), ids=PURCHASES)
async def test_every_face_names_it_to_the_operator(
    tool: Tool, purchase: tuple[str, dict[str, object]]
) -> None:
    asked, more = purchase
    method, _, target = asked.partition(" ")
    with capture_logs() as lines:
        for name in ("whatever", "whatever", SECRET):
            answer = await tool.raw(method, target.format(name), **more)
            assert b"ACCESS_NUMBER" not in answer.body

    assert named(list(map(dict, lines))) == ["whatever", REDACTED]
    assert SECRET not in str(lines)
    assert tool.sim.books.rentals == {}
