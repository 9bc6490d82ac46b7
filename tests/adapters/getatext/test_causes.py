"""Why the provider was not reached is told in words, and never with what was sent."""

import asyncio
import socket
import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from adapters.getatext import account, rentals
from adapters.getatext.causes import cause_of, chain_of
from adapters.getatext.client import Client
from gateway.core.model.errors import GatewayError
from gateway.core.model.provider_errors import UpstreamTimeout, UpstreamUnavailable
from tests.adapters.getatext.scripted import ScriptedServer, Send

KEY = "sk_live_5ecret"
BOTH = pytest.mark.parametrize("call", [account.BALANCE, rentals.RENT], ids=["a read", "a rent"])
HOST = ConnectionKey("provider.example", 443, True, True, None, None, None)
UNTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")

Told = list[tuple[str, str]]


async def ask(url: str, call: Any, **terms: Any) -> tuple[GatewayError, Told]:
    """The error of a call, and what was told of its cause."""
    told: Told = []
    async with Client(url, **terms) as client:
        client.when_failed(lambda cause, chain: told.append((cause, chain)))
        with pytest.raises(GatewayError) as raised:
            await client.send(call, KEY, None if call is account.BALANCE else b"{}")
    assert KEY not in f"{told} {raised.value.detail}"
    return raised.value, told


@BOTH
async def test_a_refused_connection(call: Any) -> None:
    async with ScriptedServer() as gone:
        url = gone.url
    error, [(cause, chain)] = await ask(url, call)

    assert type(error) is UpstreamUnavailable
    assert error.detail == (
        "The provider cannot be reached: it refuses connections. Nothing was charged. "
        "Try again later."
    )
    assert cause == "it refuses connections"
    assert "ConnectionRefusedError" in chain


@BOTH
async def test_a_name_that_cannot_be_resolved(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    error, [(cause, chain)] = await ask("http://provider.example", call)

    assert error.detail.startswith("The provider cannot be reached: its name cannot be resolved. ")
    assert cause == "its name cannot be resolved"
    assert chain.startswith("ClientConnectorDNSError: Name or service not known")


@BOTH
async def test_what_speaks_no_tls(call: Any) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 welcome\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error, [(cause, chain)] = await ask(f"https://127.0.0.1:{port}", call)

    assert "cannot be reached: no TLS connection can be made." in error.detail
    assert cause == "no TLS connection can be made"
    assert "SSLError" in chain


async def test_a_read_whose_connection_breaks_off(getatext: ScriptedServer) -> None:
    getatext.script += [Send(drop=True)] * 2  # the library repeats a read on a reused connection
    error, told = await ask(getatext.url, account.BALANCE)

    assert "The provider cannot be reached: the connection broke off." in error.detail
    assert told == [("the connection broke off", "ServerDisconnectedError")]


async def test_no_answer_in_time_is_told_too(getatext: ScriptedServer) -> None:
    error, [(cause, _)] = await ask(getatext.url, account.BALANCE, read_seconds=0.2)

    assert type(error) is UpstreamTimeout
    assert cause == "it did not answer in time"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (
            aiohttp.ClientConnectorCertificateError(HOST, UNTRUSTED),
            "its certificate is not trusted",
        ),
        (
            aiohttp.ClientConnectorError(HOST, OSError(113, "No route to host")),
            "no route leads to it",
        ),
        (
            aiohttp.ClientProxyConnectionError(HOST, OSError(99, "no")),
            "the proxy before it cannot be reached",
        ),
        (aiohttp.ClientConnectorError(HOST, OSError(99, "no")), "no connection can be made"),
        (aiohttp.ConnectionTimeoutError(), "no connection was made in time"),
        (RuntimeError(f"while sending {KEY}"), "the connection broke off"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else None,
)
def test_other_faults(fault: Exception, cause: str) -> None:
    assert cause_of(fault) == cause
    assert KEY not in chain_of(fault)


def test_a_chain_names_each_error_with_the_systems_words() -> None:
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as error:
            raise aiohttp.ClientConnectorError(HOST, error) from error
    except aiohttp.ClientConnectorError as error:
        chain = chain_of(error)

    assert (
        chain
        == "ClientConnectorError: Connection refused < ConnectionRefusedError: Connection refused"
    )
