"""What callers may hold open: for a key, for an address and in all; and who is served meanwhile."""

import asyncio
import resource
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout
from aiohttp.test_utils import make_mocked_request
from uvloop import new_event_loop

from adapters.simulator import DEMO_KEY, NEVER, Rules, Simulator
from gateway.core.auth.concurrency import ConcurrencyLimit, Held
from gateway.core.model.callers import Limits
from gateway.core.model.errors import GatewayBusy
from gateway.http.rest import face as rest
from gateway.http.serving import connections
from gateway.http.serving.app import ADMISSION
from gateway.http.serving.file_limit import Capacity, capacity
from gateway.http.wire.addresses import limited_address
from gateway.wiring import open_gateway
from tests.support.contract import Answer
from tests.support.gateway import (
    USUAL,
    Client,
    Stand,
    have_accepted,
    listening,
    open_client,
    settings,
)
from tests.support.keys import make_key
from tests.support.program import ROOT
from tests.support.waiting import until

SILENT = replace(USUAL, rules=Rules(code_after=NEVER, cancel_locked=0.0))
ROOMY = Capacity(connections=1000, long_requests=1000, backlog=100)
PROXY = {"gateway_trusted_proxies": ["127.0.0.1"]}


@asynccontextmanager
async def run(most: Capacity = ROOMY, **changes: Any) -> AsyncIterator[Stand]:
    """A gateway that may hold so much open, before the simulator."""
    async with (
        Simulator(SILENT).running() as sim,
        open_gateway(settings(sim.url, getatext_api_key=DEMO_KEY, **changes)) as gateway,
    ):
        await have_accepted(gateway, DEMO_KEY)
        app = gateway.app(most=most)
        async with listening(app) as url, open_client(url) as client:
            client.checked = False
            yield Stand(gateway, app, url, client, sim)


class Crowd:
    """Requests that are held open: waits for the code of one rental, or event streams."""

    def __init__(self, stand: Stand, client: Client, path: str) -> None:
        self._stand = stand
        self._client = client
        self._path = path
        self._calls: list[asyncio.Task[Answer]] = []

    async def joined_by(self, times: int, forwarded: str | None = None) -> None:
        """So many more, who are all admitted."""
        admission = self._stand.app[ADMISSION]
        before = admission.open
        for _ in range(times):
            self._calls.append(asyncio.create_task(self.one_more(forwarded=forwarded)))
        await until(lambda: admission.open == before + times)

    async def one_more(self, by: Client | None = None, forwarded: str | None = None) -> Answer:
        """The answer to one more."""
        headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        return await (by or self._client).ask("GET", self._path, headers=headers)

    async def dispersed(self) -> None:
        admission = self._stand.app[ADMISSION]
        rest = admission.open - len(self._calls)
        for call in self._calls:
            call.cancel()
        await until(lambda: admission.open == rest)


@asynccontextmanager
async def crowd(stand: Stand, path: str, client: Client | None = None) -> AsyncIterator[Crowd]:
    made = Crowd(stand, client or stand.client, path)
    try:
        yield made
    finally:
        await made.dispersed()


async def waiting_path(client: Client) -> str:
    rental = (await client.post("/v1/rentals", {"service_code": "whatsapp"})).json["id"]
    return f"/v1/rentals/{rental}/code?wait_seconds=25"


def assert_busy(answer: Answer) -> None:
    told = answer.json
    assert (answer.status, told["code"], told["charged"]) == (503, "gateway_busy", "no")
    assert told["retryable"] is True
    assert answer.headers["Retry-After"] == str(told["retry_after"]) == "5"


async def test_a_key_has_only_so_many_waits_and_others_have_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rest, "WAITS", Held("waits for codes", 3))
    async with run() as stand:
        path = await waiting_path(stand.client)
        stand.client.checked = True
        async with crowd(stand, path) as waiting:
            await waiting.joined_by(3)
            refused = await waiting.one_more()
            at_once = await stand.client.get(path.partition("?")[0], wait_seconds="0")
            other = await make_key(stand.gateway, "another", Limits(admin=True))
            async with crowd(stand, path, replace(stand.client, key=other)) as others:
                await others.joined_by(1)
        async with crowd(stand, path) as waiting:
            await waiting.joined_by(3)

    assert_busy(refused)
    assert "This key has 3 waits for codes open" in refused.json["detail"]
    assert at_once.json["status"] == "pending"


async def test_all_together_hold_only_so_much_and_the_rest_is_served() -> None:
    async with run(replace(ROOMY, long_requests=4)) as stand:
        path = await waiting_path(stand.client)
        keys = [await make_key(stand.gateway, f"k{n}", Limits(admin=True)) for n in range(3)]
        holders = [replace(stand.client, key=key) for key in keys]
        async with AsyncExitStack() as crowds:
            for holder in holders[:2]:
                waiting = await crowds.enter_async_context(crowd(stand, path, holder))
                await waiting.joined_by(2)
            refused = [await waiting.one_more(holders[2])]
            refused.append(await stand.client.get("/v1/events/stream"))
            initialize = await stand.client.ask("POST", "/mcp", json={})
            served = await stand.client.get("/v1/balance")

    for answer in (*refused, initialize):
        assert_busy(answer)
        assert "This gateway has 4" in answer.json["detail"]
    assert served.status == 200


@pytest.mark.parametrize("path", ["/v1/events/stream", "code"])
async def test_an_address_behind_a_trusted_proxy_holds_only_so_much(path: str) -> None:
    """Whatever keys it has; the proxy itself stands for many and has no limit."""
    async with run(replace(ROOMY, long_requests=10), **PROXY) as stand:
        path = await waiting_path(stand.client) if path == "code" else path
        admins = [await make_key(stand.gateway, f"k{n}", Limits(admin=True)) for n in range(2)]
        one, other = (replace(stand.client, key=key) for key in admins)
        async with crowd(stand, path, one) as ours, crowd(stand, path, other) as theirs:
            await ours.joined_by(3, "192.0.2.7")
            await theirs.joined_by(2, "10.0.0.1, 192.0.2.7")
            refused = await theirs.one_more(forwarded="198.51.100.1, 192.0.2.7")
            await theirs.joined_by(1, "198.51.100.1")
            await theirs.joined_by(1)

    assert_busy(refused)
    assert "This address has 5" in refused.json["detail"]


ADDRESSES = [
    # remote, X-Forwarded-For, what is counted
    ("192.0.2.7", None, "192.0.2.7"),
    ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
    ("127.0.0.1", None, None),
    ("::1", None, None),
    ("127.0.0.1", "198.51.100.1", None),
    ("::ffff:127.0.0.1", None, None),
    ("::ffff:192.0.2.7", None, "192.0.2.7"),
    ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
    ("10.1.2.3", None, None),
    ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
    ("10.1.2.3", "203.0.113.9, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
    ("10.1.2.3", "unknown", None),
    ("", None, None),
]


@pytest.mark.parametrize(("remote", "forwarded", "counted"), ADDRESSES)
def test_a_sender_is_counted_by_its_own_address(
    remote: str, forwarded: str | None, counted: str | None
) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=remote)

    assert limited_address(request, [ip_network("10.0.0.0/8")]) == counted


def test_places_are_given_back_and_nothing_is_kept_of_who_had_them() -> None:
    limit, kind = ConcurrencyLimit(3, 2), Held("streams", 2)
    for _ in range(100):
        leave = [limit.enter(kind, "a", "1"), limit.enter(kind, "b", "1")]
        for who, where in (("a", "1"), ("c", "1")):
            with pytest.raises(GatewayBusy):
                limit.enter(kind, who, where)
        leave.append(limit.enter(kind, "c", "2"))
        with pytest.raises(GatewayBusy, match="This gateway"):
            limit.enter(kind, "d", "3")
        for each in leave:
            each()

    assert limit.open == 0
    assert not limit._of_keys
    assert not limit._of_addresses


@pytest.mark.parametrize("files", [64, 256, 1024, 4096, 20_000, 65_536, 1 << 20])
def test_what_may_be_open_is_far_below_the_limit_of_files(files: int) -> None:
    most = capacity(files)

    assert 1 <= most.long_requests < most.connections
    assert most.long_requests <= 0.6 * files
    # Three bursts and those who are being refused, besides the gateway's own files.
    assert most.connections + 4 * most.backlog + min(files // 4, 256) <= files


def test_a_process_with_files_enough_holds_ten_thousand() -> None:
    assert capacity(20_000).long_requests >= 10_000


async def test_serve_raises_the_limit_of_files_to_the_hard_one() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve", "--simulate", "--port", "0"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard)),
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"http://127.0.0.1" not in await process.stdout.readline():
                pass
        limits = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    finally:
        process.terminate()
        await process.communicate()

    assert limits == (hard, hard)


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextmanager
def closing(lines: list[Line]) -> Iterator[list[Line]]:
    try:
        yield lines
    finally:
        for _, writer in lines:
            writer.close()


async def connected(url: str, unread: int | None = None) -> Line:
    """A connection; `unread`: bytes that the client accepts without reading them."""
    one = socket.socket()
    one.setblocking(False)
    if unread is not None:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, unread)
    address = "127.0.0.1", int(url.rpartition(":")[2])
    await asyncio.get_running_loop().sock_connect(one, address)
    return await asyncio.open_connection(sock=one, limit=unread or 2**16)


async def said(line: Line, request: bytes = b"") -> bytes:
    """All that the gateway says on a connection, until it closes it in order."""
    reader, writer = line
    writer.write(request)
    try:
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()


async def asked(line: Line, path: str, key: str = DEMO_KEY) -> bytes:
    """The head of an answer on a connection that stays open."""
    reader, writer = line
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n\r\n".encode())
    async with asyncio.timeout(60):
        return await reader.readuntil(b"\r\n\r\n")


async def asking_at_once(url: str) -> Line:
    """A connection on which there is a request when the gateway accepts it."""
    one = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    one.sendall(HEALTH)
    return await asyncio.open_connection(sock=one)


async def honest(url: str) -> int:
    """The status for a caller with a new connection."""
    async with ClientSession(timeout=ClientTimeout(total=60)) as session:
        headers = {"X-API-Key": DEMO_KEY}
        async with session.get(f"{url}/v1/rentals", headers=headers) as answer:
            return answer.status


SMALL = Capacity(connections=20, long_requests=16, backlog=20)
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def unfinished(path: str) -> bytes:
    """A request whose body does not come."""
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n{{".encode()


ASKS = {
    "nothing": b"",
    "half a request": b"GET /v1/rentals HTTP/1.1\r\nX-API",
    "one request": HEALTH,
    "refused, without its body": unfinished("/v1/rentals"),
    "unknown, without its body": unfinished("/nothing"),
    "read, without its body": unfinished("/stubs/handler_api.php"),
}


@pytest.mark.parametrize("asks", ASKS.values(), ids=ASKS)
async def test_who_opens_connections_and_asks_nothing_shuts_nobody_out(
    asks: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as many as there is room for."""
    monkeypatch.setattr(connections, "_LATE_SECONDS", 0.0)
    statuses = []
    async with run(SMALL) as stand:
        kept = await connected(stand.url)
        before = await asked(kept, "/v1/rentals")
        with closing([kept]) as lines:
            for number in range(200):
                lines.append(await connected(stand.url))
                lines[-1][1].write(asks)
                if number % 20 == 0:
                    statuses.append(await honest(stand.url))
            statuses.append(await honest(stand.url))

    assert before.startswith(b"HTTP/1.1 200")
    assert statuses == [200] * 11


async def test_who_does_not_read_answers_shuts_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LATE_SECONDS", 0.0)
    document = HEALTH.replace(b"/healthz", b"/openapi.json")
    async with run(SMALL) as stand:

        async def is_served() -> bool:  # not while the answers still find room in the sockets
            return await honest(stand.url) == 200

        with closing([]) as lines:
            for number in range(100):
                lines.append(await connected(stand.url, unread=4096))
                lines[-1][1].write(document * 300)
                if number % 20 == 19:
                    await until(is_served)


async def test_who_stays_when_refused_is_cut_off_for_the_next() -> None:
    async with run(Capacity(connections=2, long_requests=4, backlog=2)) as stand:
        path = await waiting_path(stand.client)
        async with crowd(stand, path) as waiting:
            await waiting.joined_by(2)
            with closing([await connected(stand.url) for _ in range(5)]):
                heard = [await said(await connected(stand.url)) for _ in range(5)]

    assert [answer.partition(b"\r\n")[0] for answer in heard] == [
        b"HTTP/1.1 503 Service Unavailable"
    ] * 5


async def test_streams_of_made_up_keys_shut_nobody_out() -> None:
    heads, statuses = [], []
    async with run(SMALL) as stand:
        with closing([]) as lines:
            for number in range(200):
                lines.append(await connected(stand.url))
                heads.append(
                    await asked(lines[-1], "/v1/events/stream", f"sk_made_up_{number % 7}")
                )
                if number % 20 == 0:
                    statuses.append(await honest(stand.url))
        left = stand.app[ADMISSION].open

    assert {head.split(b" ")[1] for head in heads} == {b"401"}
    assert statuses == [200] * 10
    assert left == 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_connection_too_many_gets_503_and_no_reset(loop: str) -> None:
    factory = new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        answers, after = runner.run(too_many())

    for answer in answers:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 5\r\n" in head
        assert b"\r\nConnection: close\r\n" in head
        assert body == b"The gateway has too many connections open."
    assert len(answers) == 10
    assert after == 200


async def too_many() -> tuple[list[bytes], int]:
    """What ten hear while all connections are busy, and the status for one who comes later.

    They send large bodies, of which nothing is read: closed at once, they would be reset.
    """
    large = b"POST /v1/rentals HTTP/1.1\r\nContent-Length: 60000\r\n\r\n" + bytes(60_000)
    async with run(Capacity(connections=4, long_requests=8, backlog=20)) as stand:
        path = await waiting_path(stand.client)
        await stand.client.session.close()
        ask = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {DEMO_KEY}\r\n\r\n"
        with closing([await connected(stand.url) for _ in range(4)]) as lines:
            for _, writer in lines:
                writer.write(ask.encode())
            await until(lambda: stand.app[ADMISSION].open == 4)
            refused = [await connected(stand.url) for _ in range(10)]
            answers = [await said(line, large) for line in refused]
            still_waiting = stand.app[ADMISSION].open
        await until(lambda: not stand.app[ADMISSION].open)
        assert still_waiting == 4
        return answers, await honest(stand.url)


async def test_a_connection_without_a_request_is_closed_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server library's own time-out is the one of idle connections, which may be long."""
    monkeypatch.setattr(connections, "_FIRST_REQUEST_SECONDS", 0.2)
    async with run() as stand:
        used = await asking_at_once(stand.url)
        first = await used[0].readuntil(b"\r\n\r\n")
        silent = await said(await connected(stand.url))
        halfway = await said(await connected(stand.url), b"GET /healthz HTTP/1.1\r\nHost: x")
        again = await asked(used, "/v1/rentals")
        used[1].close()

    assert (silent, halfway) == (b"", b"")
    assert first.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 200" in again
