"""A connection goes to an address that was checked, proves itself, and goes nowhere else."""

import asyncio
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.adapters.outgoing.support import HERE, Told, a_sender, listening, sent
from tests.support.tls import Authority

ONLY_SECOND = (ip_network("127.0.0.2/32"),)
NOT_ALLOWED = "Its address is none that this gateway may send to."


async def test_a_name_that_moves_to_loopback_is_not_followed() -> None:
    resolver = Told(["127.0.0.2"], ["127.0.0.1"])
    async with listening(host="127.0.0.2") as good, listening(port=good.port) as bad:
        async with a_sender(ONLY_SECOND, resolver=resolver) as sender:
            url = f"http://moves.test:{good.port}/"
            first = await sent(sender, url)
            later = [await sent(sender, url) for _ in range(3)]

        assert first.status == 204
        assert [each.error for each in later] == [NOT_ALLOWED] * 3
        assert (good.opened, bad.opened) == (1, 0)
        assert len(resolver.asked) == 4


@pytest.mark.parametrize("order", [1, -1])
async def test_of_mixed_addresses_only_the_allowed_are_tried(order: int) -> None:
    mixed = ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"][::order]
    async with listening(host="127.0.0.2") as good, listening(port=good.port) as bad:
        async with a_sender(ONLY_SECOND, resolver=Told(mixed)) as sender:
            result = await sent(sender, f"http://both.test:{good.port}/")

        assert result.status == 204
        assert (good.opened, bad.opened) == (1, 0)


@pytest.mark.parametrize(
    ("answer", "error"),
    [([], "resolved"), (["localhost"], "may send"), (["localhost", "x"], "may send"),
     (["127.0.0.1"] * 5000, "may send"), (["fe80::1%lo"], "may send"), (["", "1"], "may send")],
)  # fmt: skip
async def test_odd_answers_of_a_resolver_are_results(answer: list[str], error: str) -> None:
    async with listening() as here, a_sender((), resolver=Told(answer)) as sender:
        result = await sent(sender, f"https://odd.test:{here.port}/")

        assert error in (result.error or "")
        assert here.opened == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    async with listening() as inner:
        head = f"HTTP/1.1 {status} Moved\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n"
        async with listening(head.encode()) as here, a_sender() as sender:
            result = await sent(sender, here.url)

        assert (result.status, result.error) == (status, None)
        assert inner.opened == 0


async def test_no_proxy_and_no_password_of_the_environment_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password hush\ndefault login me password hush\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    async with listening() as proxy, listening() as here, a_sender() as sender:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        result = await sent(sender, here.url)

        assert result.status == 204
        assert proxy.opened == 0
        assert b"authorization" not in here.requests[0].lower()


async def test_a_certificate_for_the_name_is_accepted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    trusted = ssl.create_default_context(cafile=str(authority.file))
    async with listening(tls=authority.serving("hooks.test")) as here:
        async with a_sender(HERE, resolver=Told(["127.0.0.1"]), tls=trusted) as sender:
            result = await sent(sender, f"https://hooks.test:{here.port}/")

        assert (result.status, result.error) == (204, None)


@pytest.mark.parametrize("fault", ["name", "expired", "unknown"])
async def test_no_other_certificate_is_accepted(tmp_path: Path, fault: str) -> None:
    authority = Authority(tmp_path)
    trusted = ssl.create_default_context(cafile=str(authority.file))
    serving = {
        "name": lambda: authority.serving("other.test", "127.0.0.1"),
        "expired": lambda: authority.serving("hooks.test", valid=timedelta(days=-1)),
        "unknown": lambda: Authority(tmp_path, "Another CA").serving("hooks.test"),
    }[fault]()
    async with listening(tls=serving) as here:
        async with a_sender(HERE, resolver=Told(["127.0.0.1"]), tls=trusted) as sender:
            result = await sent(sender, f"https://hooks.test:{here.port}/")

        assert result.error == "Its TLS certificate is not accepted."
        assert here.requests == []


async def test_look_ups_take_no_thread_of_the_loops() -> None:
    """Those are what the provider's name is looked up on."""
    free = threading.Event()
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(1)
    loop.set_default_executor(threads)
    busy = loop.run_in_executor(None, free.wait)
    try:
        async with listening() as here, a_sender() as sender:
            result = await sent(sender, f"http://localhost:{here.port}/")
    finally:
        free.set()
        await busy

    assert result.status == 204


async def test_one_that_takes_no_connection_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        place = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(place)
            async with a_sender(connect_seconds=0.2) as sender:
                result = await sent(sender, f"http://127.0.0.1:{place[1]}/")
        finally:
            for each in waiting:
                each.close()

    assert result.error == "No connection could be made within 0.2 seconds."


async def test_one_that_is_not_there_is_told_without_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    async with a_sender() as sender:
        result = await sent(sender, f"http://127.0.0.1:{port}/")

    assert result.error == "No connection could be made: Connection refused."
