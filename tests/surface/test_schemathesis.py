"""schemathesis against the running gateway: whatever fits the document is answered by it."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from adapters.simulator import SimulatorConfig
from tests.support.contract import committed
from tests.support.gateway import run_simulated

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
LONGEST_TARGET = 8000
Case = schemathesis.Case[Any]
# Ids from 1, so that generated ones hit; enough money and room for every purchase.
CONFIG = replace(SimulatorConfig.for_load("sk_demo"), first_rental_id=1, catalogue_size=5)
schema = schemathesis.openapi.from_dict(committed())


async def serve(url: list[str], ready: threading.Event, stop: asyncio.Event) -> None:
    async with run_simulated(CONFIG) as stand:
        for _ in range(3):
            await stand.client.post("/v1/rentals", {"service_code": "whatsapp"})
            await stand.client.post("/v1/long-rentals", {"period": "1w"})
        url.append(stand.url)
        ready.set()
        await stop.wait()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The gateway in a thread of its own: schemathesis asks and waits."""
    found: list[str] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=[serve(found, ready, stop)])
    thread.start()
    assert ready.wait(60)
    yield found[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)
    loop.close()


@schema.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_documented(case: Case, url: str) -> None:
    answer = case.call(base_url=url, headers={"X-API-Key": "sk_demo"})
    if len(answer.request.url or "") > LONGEST_TARGET:
        return  # the server library answers what it cannot read before us
    case.validate_response(answer, checks=CHECKS)
