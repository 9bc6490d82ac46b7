"""schemathesis against the running gateway: whatever fits a document is answered by it.

Its check that all else is refused is left out: the gateway takes more than the documents say, such
as numbers for text, because the platforms that send requests send more.
"""

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
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from adapters.simulator import SimulatorConfig
from gateway.core.model.codes import MAX_WAIT
from gateway.core.operations.catalog import BY_NAME
from gateway.http.documents.dialects import DIALECTS
from tests.support.contract import committed
from tests.support.gateway import run_simulated

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LONGEST_TARGET = 8000
Case = schemathesis.Case[Any]
# Ids from 1, so that generated ones hit; enough money and room for every purchase.
CONFIG = replace(SimulatorConfig.for_load("sk_demo"), first_rental_id=1, catalogue_size=5)
# No document has words for what docs/inputs.md lists as refused all the same.
REFUSED = (
    "needs a carrier to keep",
    "needs area codes to lock",
    "cannot be had with",
    "is not the next_cursor of a page with this sort",
    "must have either event_id or since",
    "sms_activate tells of rental.code_received only",
    "must have budget_day or budget_total; or no_budget, on purpose",
    "no_budget does not go with budget_day or budget_total",
    "is given, too; either set it or remove it",
)
DOCUMENTS = {spec: schemathesis.openapi.from_dict(committed(spec)) for spec in DIALECTS}


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


def hold(case: Case, url: str) -> None:
    """One request that fits the document, or just fails to, and what is promised of its answer."""
    wait = str(case.query.get("wait_seconds", ""))
    if wait.isdecimal() and 1 < int(wait) <= MAX_WAIT:
        case.query["wait_seconds"] = 1  # nothing comes; a longer one would be answered alike
    answer = case.call(base_url=url, headers={"X-API-Key": "sk_demo"}, timeout=60)
    if len(answer.request.url or "") > LONGEST_TARGET:
        return  # the server library answers what it cannot read before us
    case.validate_response(answer, checks=CHECKS)
    if answer.status_code == 400 and case.meta and case.meta.generation.mode.is_positive:
        detail = answer.json()["detail"]
        assert any(words in detail for words in REFUSED), detail


def one(spec: str, name: str) -> Any:
    """The test of one operation by one document."""

    @DOCUMENTS[spec].include(operation_id=name).parametrize()
    @settings(max_examples=7, deadline=None, suppress_health_check=list(HealthCheck))
    def test(case: Case, url: str) -> None:
        hold(case, url)

    return test


# A test of its own for each: those that schemathesis makes of one have one id for pytest 9.2, and
# pytest-xdist runs one test for each id. The stream is left out, for it does not end.
for spec in DIALECTS:
    for name in BY_NAME:
        globals()[f"test_{name}_as_told_by_{spec.replace('.', '_')}"] = one(spec, name)
