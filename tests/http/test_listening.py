"""Where the gateway listens: IPv6, every address, a Unix socket."""

import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector, web

from adapters.simulator import DEMO_KEY
from gateway.http.serving import listening
from gateway.http.serving.listening import CannotListen
from gateway.http.serving.server import make_runner
from gateway.settings import Settings
from tests.support.gateway import Stand, run_simulated
from tests.support.waiting import until

BACKLOG = 16


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    async with run_simulated() as stand:
        yield stand


@asynccontextmanager
async def served(app: web.Application, host: str) -> AsyncIterator[str]:
    """The gateway's application listening there, as `serve` sets it up; its address."""
    runner = make_runner(app, keepalive=20.0, drain_seconds=10.0)
    await runner.setup()
    try:
        await listening.site(runner, host, 0, BACKLOG).start()
        yield listening.url(runner, host)
    finally:
        await runner.cleanup()


async def status(url: str, **headers: str) -> int:
    async with ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status


async def over(path: Path, target: str, **headers: str) -> tuple[int, Any]:
    """What is answered over a Unix socket."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        ClientSession(connector=UnixConnector(str(path))) as session,
        session.get(f"http://localhost{target}", headers=named) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


async def test_an_address_of_ipv6_is_one_of_this_machine_s(stand: Stand) -> None:
    async with served(stand.gateway.app(), "::1") as url:
        assert url.startswith("http://[::1]:")
        assert await status(f"{url}/metrics") == 200
        assert await status(f"{url}/v1/balance", Auth=DEMO_KEY) == 200
        async with ClientSession() as session, session.get(f"{url}/openapi.json") as answer:
            assert (await answer.json())["servers"][0]["url"] == url


async def test_every_address_is_of_both_kinds_and_keeps_what_each_may(stand: Stand) -> None:
    async with served(stand.gateway.app(), "::") as url:
        port = url.rpartition(":")[2]
        for host in ("127.0.0.1", "[::1]"):
            assert await status(f"http://{host}:{port}/metrics") == 200
    assert url == f"http://[::]:{port}"


async def test_over_a_unix_socket_everything_is_served_as_to_another_machine(
    stand: Stand, tmp_path: Path
) -> None:
    path = tmp_path / "gateway.sock"
    async with served(stand.gateway.app(), f"unix:{path}") as url:
        mode = stat.S_IMODE(path.stat().st_mode)
        bought = await over(path, "/v1/prices", Auth=DEMO_KEY)
        metrics = await over(path, "/metrics")
        ready = await over(path, "/readyz")

    assert (url, mode) == (f"unix:{path}", 0o660)
    assert (bought[0], ready[1]["status"]) == (200, "ready")
    assert (metrics[0], metrics[1]["code"]) == (403, "forbidden")
    assert not path.exists()


async def test_a_proxy_on_the_socket_is_believed_where_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    told = {"X_Forwarded_Host": "sms.example", "X_Forwarded_Proto": "https"}
    found = []
    for proxies in (["unix"], ["127.0.0.0/8"]):
        trusting: dict[str, Any] = {"gateway_trusted_proxies": proxies}
        async with (
            run_simulated(gateway_allowed_hosts=["sms.example"], **trusting) as stand,
            served(stand.gateway.app(), f"unix:{path}"),
        ):
            document = (await over(path, "/openapi.json", **told))[1]
        found.append(document["servers"][0]["url"])

    assert found == ["https://sms.example", "http://localhost"]


async def test_a_stream_over_the_socket_is_logged_with_the_client_that_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, headers = tmp_path / "gateway.sock", {"Auth": DEMO_KEY, "X-Forwarded-For": "203.0.113.7"}
    lines: list[str] = []

    def logged() -> list[str]:
        written = capsys.readouterr()
        lines.extend((written.out + written.err).splitlines())
        return [line for line in lines if "/v1/events/stream" in line]

    async with (
        run_simulated(gateway_access_log=True, gateway_trusted_proxies=["unix"]) as stand,
        served(stand.gateway.app(), f"unix:{path}"),
    ):
        async with (
            ClientSession(connector=UnixConnector(str(path))) as session,
            session.get("http://localhost/v1/events/stream", headers=headers) as stream,
        ):
            await stream.content.readline()
        await until(logged)
    (line,) = logged()

    assert "203.0.113.7" in line


async def test_the_socket_of_a_dead_process_is_replaced_and_a_living_one_is_not(
    stand: Stand, tmp_path: Path
) -> None:
    path = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    async with served(stand.gateway.app(), f"unix:{path}"):
        with pytest.raises(CannotListen, match="is in use by another process"):
            async with served(stand.gateway.app(), f"unix:{path}"):
                pass
        answered = await over(path, "/healthz")

    assert answered == (200, {"status": "ok"})


async def test_a_socket_that_was_replaced_meanwhile_is_left_to_its_owner(
    stand: Stand, tmp_path: Path
) -> None:
    path = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as another:
        async with served(stand.gateway.app(), f"unix:{path}"):
            path.unlink()
            another.bind(str(path))

        assert path.is_socket()


async def test_what_is_no_socket_is_not_removed(stand: Stand, tmp_path: Path) -> None:
    file, nowhere = tmp_path / "ledger.db", tmp_path / "not" / "there.sock"
    file.write_text("precious")
    for path, why in ((file, "is a file that is no socket"), (nowhere, "No such file")):
        with pytest.raises(CannotListen, match=why):
            async with served(stand.gateway.app(), f"unix:{path}"):
                pass

    assert file.read_text() == "precious"


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("fe80::1%eth0", "[fe80::1%25eth0]")],
)
def test_an_address_is_written_as_urls_have_it(host: str, shown: str) -> None:
    assert listening.bracketed(host) == shown


def test_settings_take_addresses_as_urls_have_them() -> None:
    assert Settings(gateway_host="[::1]").gateway_host == "::1"
    assert Settings(gateway_host="[::1]").pass_through
    assert not Settings(gateway_host="unix:/run/gateway.sock").pass_through
    assert Settings(gateway_allowed_hosts=["[::1]:8080"]).gateway_allowed_hosts == ["[::1]:8080"]
