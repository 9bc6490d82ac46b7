"""Who may ask: the key comes first, before addresses and bodies are looked at."""

from typing import Any

import pytest

from tests.support.contract import Answer
from tests.support.gateway import Client, Stand, run_simulated

KEY, OTHER = "sk_demo", "sk_other"
UNSIGNED: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/v1/balance", {}),
    ("POST", "/v1/rentals", {"json": {"service_code": "whatsapp"}}),
    ("POST", "/v1/rentals", {"data": b"no JSON"}),
    ("POST", "/v1/rentals", {"data": b"x" * 100_000}),
    ("GET", "/v1/nothing", {}),
    ("GET", "/v1/rentals/first", {}),
    ("DELETE", "/v1/balance", {}),
    ("GET", "/v1/", {}),
    ("GET", "/v1/balance?api_key=sk_demo", {}),
]


def refused(answer: Answer) -> bool:
    return (answer.status, answer.json["code"]) == (401, "unauthorized") and answer.headers[
        "WWW-Authenticate"
    ].startswith("Bearer ")


@pytest.mark.parametrize(("method", "path", "more"), UNSIGNED)
async def test_without_a_key_everything_is_unauthorized_first(
    stand: Stand, method: str, path: str, more: dict[str, Any]
) -> None:
    answer = await stand.client.ask(method, path, key=None, **more)

    assert refused(answer)
    assert stand.sim.journal.calls.total() == 0


CARRIED = [
    [("X-API-Key", KEY)],
    [("x-api-key", f"  {KEY} ")],
    [("Auth", KEY)],
    [("Authorization", f"Bearer {KEY}")],
    [("Authorization", f"bearer  {KEY}")],
    [("X-API-Key", KEY), ("Auth", KEY), ("Authorization", f"Bearer {KEY}")],
    [("X-API-Key", KEY), ("X-API-Key", KEY)],
    [("X-API-Key", KEY), ("Authorization", "Basic dXNlcjpwYXNz")],
    [("X-API-Key", KEY), ("Auth", "")],
]


@pytest.mark.parametrize("headers", CARRIED)
async def test_the_key_is_taken_from_each_of_three_headers(
    client: Client, headers: list[tuple[str, str]]
) -> None:
    assert (await client.ask("GET", "/v1/balance", key=None, headers=headers)).status == 200


CONFLICTS = [
    [("X-API-Key", KEY), ("Auth", OTHER)],
    [("X-API-Key", KEY), ("Authorization", f"Bearer {OTHER}")],
    [("Auth", OTHER), ("Authorization", f"Bearer {KEY}")],
    [("X-API-Key", KEY), ("X-API-Key", OTHER)],
    [("Authorization", f"Bearer {KEY}"), ("Authorization", f"Bearer {OTHER}")],
]
NO_KEYS = [
    [("X-API-Key", "")],
    [("Authorization", "Bearer ")],
    [("Authorization", KEY)],
    [("Authorization", "Basic dXNlcjpwYXNz")],
    [("X-API-Key", "gtw_unknown")],
    [("X-API-Key", "k" * 300)],
    [("X-API-Key", "sk_\u00e9")],
    [("X-API-Key", "sk a\tb")],
]


@pytest.mark.parametrize("headers", CONFLICTS + NO_KEYS)
async def test_conflicting_keys_and_what_is_no_key_are_unauthorized(
    stand: Stand, headers: list[tuple[str, str]]
) -> None:
    answer = await stand.client.ask("GET", "/v1/balance", key=None, headers=headers)

    assert refused(answer)
    assert stand.sim.journal.calls.total() == 0
    assert KEY not in answer.body.decode()


@pytest.mark.parametrize("path", ["/v1/balance", "/v1/prices", "/v1/rentals/1"])
async def test_a_key_the_provider_refuses_is_unauthorized(client: Client, path: str) -> None:
    answer = await client.ask("GET", path, key="sk_wrong")

    assert refused(answer)
    assert answer.json["upstream"]["status"] == 403
    assert "sk_wrong" not in answer.body.decode()


async def test_without_pass_through_the_providers_keys_open_nothing() -> None:
    async with run_simulated(gateway_pass_through=False) as stand:
        answer = await stand.client.get("/v1/balance")

    assert refused(answer)
    assert stand.sim.journal.calls.total() == 0
