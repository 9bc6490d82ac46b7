"""What operators ask: alive, ready, and the counts. None wants a key."""

import asyncio
from typing import Any

import pytest

from gateway.http.serving.app import EDGE
from tests.support.gateway import Client, Stand, run_gateway, run_simulated

FORWARDED = {"X-Forwarded-For": "203.0.113.7"}
TOKEN = {"gateway_metrics_token": "metrics-token"}


async def test_it_is_alive(client: Client) -> None:
    answer = await client.ask("GET", "/healthz", key=None)

    assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_it_is_ready_where_the_provider_is_reached(stand: Stand) -> None:
    answer = await stand.client.ask("GET", "/readyz", key=None)

    assert (answer.status, answer.json["status"]) == (200, "ready")
    assert answer.json["provider"] == "reachable"
    assert set(answer.json["breakers"].values()) == {"closed"}
    assert stand.sim.books.spent == 0


async def test_it_is_degraded_but_ready_where_the_provider_is_not_reached() -> None:
    async with run_gateway("http://127.0.0.1:9") as stand:
        answer = await stand.client.ask("GET", "/readyz", key=None)

    assert (answer.status, answer.json["status"]) == (200, "degraded")
    assert answer.json["provider"] == "unreachable"


async def test_asking_often_whether_it_is_ready_costs_the_provider_one_call(stand: Stand) -> None:
    await asyncio.gather(*(stand.client.get("/readyz") for _ in range(5)))
    await stand.client.get("/readyz")

    assert stand.sim.journal.calls.total() == 1


async def test_it_is_not_ready_while_it_shuts_down(stand: Stand) -> None:
    stand.app[EDGE].draining = True
    ready = await stand.client.get("/readyz")
    other = await stand.client.get("/v1/balance")

    assert (ready.status, ready.json) == (503, {"status": "draining"})
    assert (other.status, other.headers["Connection"]) == (200, "close")


async def test_metrics_count_operations_and_calls_for_this_machine(client: Client) -> None:
    await client.get("/v1/balance")
    await client.get("/v1/rentals/1")
    answer = await client.ask("GET", "/metrics", key=None)
    text = answer.body.decode()

    assert answer.status == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    assert 'operations_total{operation="get_balance",outcome="ok"} 1.0' in text
    assert 'operations_total{operation="get_rental",outcome="rental_not_found"} 1.0' in text
    assert 'upstream_calls_total{call="balance",outcome="ok"} 1.0' in text
    assert "sk_demo" not in text


PEOPLE: list[tuple[str, dict[str, Any], dict[str, str], int]] = [
    ("forwarded", {}, FORWARDED, 403),
    ("forwarded, newer", {}, {"Forwarded": "for=203.0.113.7"}, 403),
    ("forwarded, nginx", {}, {"X-Real-IP": "203.0.113.7"}, 403),
    ("no token is set", {}, {**FORWARDED, "Authorization": "Bearer "}, 403),
    ("wrong token", TOKEN, {**FORWARDED, "Authorization": "Bearer other"}, 403),
    ("token of odd bytes", TOKEN, {**FORWARDED, "Authorization": "Bearer \udcff"}, 403),
    ("right token", TOKEN, {**FORWARDED, "Authorization": "Bearer metrics-token"}, 200),
    ("this machine needs none", TOKEN, {}, 200),
    ("this machine by its name", {}, {"Host": "LOCALHOST:80"}, 200),
    ("this machine in digits", {}, {"Host": "[::1]"}, 200),
    ("a page that was rebound", {}, {"Host": "evil.example.com"}, 403),
    ("a page, and no token is set", {}, {"Host": "evil.net", "Authorization": "Bearer "}, 403),
    ("no host", {}, {"Host": ""}, 403),
    ("our public name", {"gateway_public_url": "https://a.example.com"},
     {"Host": "a.example.com"}, 200),
    ("another name of ours", {"gateway_allowed_hosts": ["metrics"]}, {"Host": "metrics:80"}, 200),
    ("a token under any name", TOKEN,
     {"Host": "evil.net", "Authorization": "Bearer metrics-token"}, 200),
]  # fmt: skip


@pytest.mark.parametrize("row", PEOPLE, ids=lambda row: row[0])
async def test_metrics_are_for_this_machine_or_for_the_token(
    row: tuple[str, dict[str, Any], dict[str, str], int],
) -> None:
    _, changes, headers, status = row
    async with run_simulated(**changes) as stand:
        answer = await stand.client.ask("GET", "/metrics", key=None, headers=headers)

    assert answer.status == status
    assert status == 200 or answer.json["code"] == "forbidden"
