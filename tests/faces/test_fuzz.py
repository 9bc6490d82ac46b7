"""Whatever is sent to the faces of existing tools: documented answers, and never a page.

`--many` sends fifty times as much.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from tests.faces.support import DAISY, JSON, PHP, QUIET, STUB, TEXT, TOKENS
from tests.support.gateway import Stand, run_simulated

SOME, MANY = 120, 6_000
QUICK = {"getatext_read_seconds": 0.3, "getatext_spend_seconds": 0.3}
SAID = re.compile("|".join(t + "[A-Za-z0-9.:-]+" if t.endswith(":") else t for t in TOKENS))
PARAMETERS = (
    "api_key", "action", "id", "status", "service", "country", "maxPrice", "max_price", "orderId",
    "rental_id", "operator", "carrier", "area_codes", "number", "keep_carrier", "rental_time",
    "auto_renew", "areas", "carriers", "duration", "lock_area_code", "activationId", "text", "ltr",
)  # fmt: skip
ACTIONS = (
    "getBalance", "getNumber", "getNumberV2", "getStatus", "getStatusV2", "setStatus", "getPrices",
    "getPricesVerification", "getNumbersStatus", "getCountries", "getServicesList", "getFullSms",
    "getTopCountriesByService", "getOperators", "getActiveActivations", "getRentalStatus",
    "cancelRental", "finishActivation", "cancelActivation", "getCurrentActivations",
    "getActivationHistory", "getAllSms", "getServices", "getPricesExtended", "getCode",
    "getTopCountriesByServiceRank", "getListOfTopCountriesByService", "getExtraActivation",
    "reactivate", "setAutoRenew", "keep", "getRentNumber", "getRentStatus", "setRentStatus",
    "GETNUMBER", "reACTIVATE",
)  # fmt: skip
BY_STATUS = ("finishactivation", "cancelactivation")
VALUES = (
    DEMO_KEY, "sk_nobody", "wa", "wa_0", "tg", "whatsapp", "187", "0", "-1", "1", "3", "6", "8",
    "12345", "12346", "0.55", "1e9", "NaN", "true", "", "null", "[]", "9" * 30,
)  # fmt: skip
CALLS = (
    "rent-a-number", "rent-specific-number", "re-rent", "rental-status", "cancel-rental",
    "rental-status/12345/completed", "prices-info", "balance", "long-rentals",
    "long-rentals/1/update", "long-rentals/1/messages", "rental-status-premium", "nothing", "..%2f",
)  # fmt: skip
KINDS = (
    "", "application/x-www-form-urlencoded", "application/json", "text/html", "multipart/form-data",
    "multipart/form-data; boundary=x",
)  # fmt: skip

Pairs = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Sent:
    """A request on the wire, and what goes wrong at the provider meanwhile."""

    method: str
    target: str
    body: bytes = b""
    kind: str = ""
    fault: FaultKind | None = None

    @property
    def repeats(self) -> bool:
        """Whether the query has a name twice."""
        query = parse_qsl(self.target.partition("?")[2], keep_blank_values=True)
        names = [name.strip() for name, _ in query]
        return len(set(names)) < len(names)

    @property
    def is_answered_by_status(self) -> bool:
        """Whether it may ask for an action whose refusal is HTTP 400."""
        asked = self.target.lower().encode() + self.body.lower()
        return any(name.encode() in asked for name in BY_STATUS)

    @property
    def is_told_by_status(self) -> bool:
        """Whether it asks for such an action beyond doubt."""
        query = parse_qsl(self.target.partition("?")[2], keep_blank_values=True)
        asked = {value.strip().lower() for name, value in query if name.strip() == "action"}
        return self.method != "POST" and len(asked) == 1 and not asked.isdisjoint(BY_STATUS)

    def raw(self) -> bytes:
        lines = [
            f"{self.method} {self.target} HTTP/1.1",
            "Host: gateway",
            "Connection: close",
            "Accept: text/html",
            f"Auth: {DEMO_KEY}",
            f"Content-Length: {len(self.body)}",
        ]
        if self.kind:
            lines.append(f"Content-Type: {self.kind}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True)
class Got:
    """A response, read whole."""

    status: int
    kind: str
    body: bytes


def _as_bytes(*texts: str) -> st.SearchStrategy[bytes]:
    return st.sampled_from(texts).map(str.encode)


def _encoded(pairs: Pairs) -> str:
    return "&".join(f"{quote_from_bytes(n)}={quote_from_bytes(v)}" for n, v in pairs)


octets = st.binary(max_size=40)
pair = st.tuples(
    _as_bytes(*PARAMETERS) | octets, _as_bytes(*VALUES, *ACTIONS) | octets
) | st.tuples(st.just(b"action"), _as_bytes(*ACTIONS))
form = st.lists(pair, max_size=8).map(_encoded)
query = st.tuples(st.sampled_from(["", f"api_key={DEMO_KEY}"]), form).map("&".join)
leaf = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(VALUES)
)  # fmt: skip
things = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
fields = st.dictionaries(st.sampled_from(PARAMETERS), things, max_size=6)
bodies = st.one_of(fields, fields, things).map(lambda thing: json.dumps(thing).encode()) | octets
methods = st.sampled_from(["GET", "GET", "GET", "POST", "POST", "HEAD", "PUT", "OPTIONS"])
kinds = st.sampled_from(KINDS)
# Rare: after some of them nothing is sent to the provider for a while.
faults = st.integers(0, 60).map(lambda n: dict(enumerate(FaultKind)).get(n))


class Wire:
    """A gateway, and requests to it written byte by byte."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._stack = AsyncExitStack()
        running = run_simulated(QUIET, **QUICK)
        self._stand: Stand = runner.run(self._stack.enter_async_context(running))

    @property
    def rentals(self) -> int:
        """How many were bought."""
        return len(self._stand.sim.books.rentals)

    def close(self) -> None:
        self._runner.run(self._stack.aclose())

    def ask(self, sent: Sent) -> Got:
        self._stand.sim.provider.faults.clear()
        if sent.fault is not None:
            self._stand.sim.script(Fault("*", sent.fault, times=None, seconds=0.05))
        return self._runner.run(self._ask(sent))

    async def _ask(self, sent: Sent) -> Got:
        port = int(self._stand.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent.raw())
        async with asyncio.timeout(60):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        kind = re.search(rb"(?i)content-type: ([^\r;]*)", head)
        return Got(int(head.split(b" ")[1]), kind[1].decode() if kind else "", body)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with asyncio.Runner() as runner:
        wire = Wire(runner)
        yield wire
        wire.close()


@pytest.fixture
def examples(many: bool) -> settings:
    return settings(
        max_examples=MANY if many else SOME,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )


@pytest.mark.parametrize("path", [PHP, DAISY])
def test_the_old_protocol_says_only_what_is_documented(
    wire: Wire, examples: settings, path: str
) -> None:
    contents = form.map(str.encode) | octets
    requests = st.builds(
        Sent, methods, query.map(lambda text: f"{path}?{text}"), contents, kinds, faults
    )

    @examples
    @given(requests)
    def send(sent: Sent) -> None:
        before = wire.rentals
        got = wire.ask(sent)

        if sent.method not in ("GET", "POST") or sent.repeats:
            assert wire.rentals == before
        if not sent.is_answered_by_status:  # nor does a form that could not be read
            assert got.status == 200 or (sent.method, got.body) == ("POST", b"BAD_ACTION")
        assert got.status in (200, 400)
        if sent.is_told_by_status:
            assert got.status == 400 or got.body in (b"ACCESS_ACTIVATION", b"ACCESS_CANCEL")
        if sent.method == "HEAD":
            assert got.body == b""
        elif got.kind == JSON:
            assert isinstance(json.loads(got.body), dict)
        else:
            assert got.kind == TEXT
            assert SAID.fullmatch(got.body.decode())

    send()


def test_the_providers_own_get_form_is_always_json(wire: Wire, examples: settings) -> None:
    targets = query.map(lambda text: f"{STUB}?{text}")

    @examples
    @given(st.builds(Sent, methods, targets, form.map(str.encode), kinds, faults))
    def send(sent: Sent) -> None:
        judge(sent, wire.ask(sent))

    send()


def test_the_providers_own_api_is_always_json(wire: Wire, examples: settings) -> None:
    targets = st.sampled_from(CALLS).map(lambda call: f"/api/v1/{call}")

    @examples
    @given(st.builds(Sent, methods, targets, bodies, kinds, faults))
    def send(sent: Sent) -> None:
        judge(sent, wire.ask(sent))

    send()


def judge(sent: Sent, got: Got) -> None:
    """JSON, no error where all went well, else nothing but an error, and no crash."""
    assert got.status != 500
    assert got.kind == JSON
    if sent.method == "HEAD":
        assert got.body == b""
        return
    said = json.loads(got.body)
    if got.status < 300:
        assert said["errors"] is None
        return
    assert isinstance(said["errors"], str)
    assert "<" not in said["errors"]
    assert all(value is None for name, value in said.items() if name != "errors")
