import re
from datetime import timedelta
from decimal import Decimal
from math import isnan

import pytest
from structlog.testing import CapturingLogger

from gateway.core.model.events import ALARMS, Alarm, EventDetails, EventType
from gateway.telemetry.metrics import Metrics


def sample(metrics: Metrics, line: str) -> float | None:
    found = re.search(rf"^getatext_gateway_{re.escape(line)} (\S+)$", rendered(metrics), re.M)
    return float(found[1]) if found else None


def rendered(metrics: Metrics) -> str:
    return metrics.render().decode()


def test_operations_are_counted_by_name_and_outcome() -> None:
    metrics = Metrics()
    metrics.operation_ended("rent_number", "ok")
    metrics.operation_ended("rent_number", "ok")
    metrics.operation_ended("rent_number", "out_of_stock")

    name = 'operations_total{operation="rent_number",outcome='
    assert sample(metrics, name + '"ok"}') == 2
    assert sample(metrics, name + '"out_of_stock"}') == 1


def test_price_lookups_are_counted_by_what_was_found() -> None:
    metrics = Metrics()
    metrics.prices_looked_up("fresh")

    assert sample(metrics, 'price_lookups_total{found="fresh"}') == 1


def test_times_in_another_zone_are_measured_and_a_new_difference_is_logged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics, log = Metrics(), CapturingLogger()
    monkeypatch.setattr("gateway.telemetry.metrics.log", log)
    for hours in (0, 4, 4, 0):
        metrics.times_compared(timedelta(hours=hours))
        assert sample(metrics, "provider_times_off_seconds") == hours * 3600

    assert [call.kwargs["hours_off"] for call in log.calls] == [4]


def test_an_alarm_is_counted_by_its_type_and_logged_with_what_it_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics, log = Metrics(), CapturingLogger()
    monkeypatch.setattr("gateway.telemetry.metrics.alarm_log", log)
    details = EventDetails(balance=Decimal("4.5"), threshold=Decimal(5))
    metrics.alarm_raised(Alarm(EventType.BALANCE_LOW, "account", None, details))
    counts = {
        each.value: sample(metrics, f'alarms_total{{type="{each.value}"}}') for each in ALARMS
    }

    assert counts == {
        "purchase.outcome_unknown": 0,
        "purchase.overcharged": 0,
        "balance.low": 1,
        "key.budget_reached": 0,
        "webhook.disabled": 0,
    }
    [call] = log.calls
    assert (call.method_name, call.args) == ("warning", ("alarm",))
    assert call.kwargs == {
        "type": "balance.low",
        "account": "account",
        "balance": "4.50",
        "threshold": "5.00",
    }


def test_a_balance_that_nothing_has_told_for_long_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("gateway.telemetry.metrics.monotonic", lambda: now)
    metrics = Metrics()
    assert isnan(sample(metrics, "balance_dollars") or 0)
    metrics.balance_known(Decimal("4.50"))
    now = 899.0
    assert sample(metrics, "balance_dollars") == 4.5
    now = 901.0  # another node may have seen since that it was topped up

    assert isnan(sample(metrics, "balance_dollars") or 0)


def test_calls_to_the_provider_are_counted_and_timed_in_seconds() -> None:
    metrics = Metrics()
    metrics.upstream_called("balance", "ok", 0.2)
    metrics.upstream_called("balance", "timeout", 31.0)

    assert sample(metrics, 'upstream_calls_total{call="balance",outcome="timeout"}') == 1
    duration = "upstream_call_duration_seconds"
    assert sample(metrics, duration + '_sum{call="balance"}') == 31.2
    assert sample(metrics, duration + '_bucket{call="balance",le="0.25"}') == 1
    assert sample(metrics, duration + '_bucket{call="balance",le="+Inf"}') == 2


def test_breakers_and_repeats_are_shown_before_anything_happens() -> None:
    metrics = Metrics()

    assert sample(metrics, 'breaker_state{group="spend",state="closed"}') == 1
    assert sample(metrics, 'breaker_state{group="spend",state="open"}') == 0
    assert sample(metrics, 'retries_total{call="balance"}') == 0


def test_a_label_value_cannot_forge_a_line() -> None:
    metrics = Metrics()
    metrics.operation_ended('x"} 7\nforged 1', "ok")

    assert "\nforged" not in rendered(metrics)


def test_two_gateways_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.prices_looked_up("miss")

    assert sample(other, 'price_lookups_total{found="miss"}') is None


def test_every_name_carries_the_prefix_and_the_process_is_measured() -> None:
    metrics = Metrics()
    metrics.upstream_called("balance", "ok", 0.2)

    names = re.findall(r"^# TYPE (\S+)", rendered(metrics), re.M)
    assert all(name.startswith("getatext_gateway_") for name in names)
    assert (sample(metrics, "process_resident_memory_bytes") or 0) > 1_000_000
