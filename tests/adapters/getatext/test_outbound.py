"""Calls through a proxy, and the authorities a provider is known by: what was surely not sent."""

import asyncio
import json
import ssl
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.getatext import account, rentals
from adapters.getatext.client import Client
from adapters.getatext.endpoint import AnyEndpoint
from adapters.getatext.outbound import Outbound
from adapters.getatext.reply import Reply
from gateway.core.model.errors import GatewayError, OutcomeUnknown
from gateway.core.model.provider_errors import LOST_CHANGE, UpstreamUnavailable
from gateway.core.model.values import Charged
from tests.support.proxy import Proxy, Step
from tests.support.scripted import Act, Scripted, reply
from tests.support.tls import Authority
from tests.support.waiting import until

KEY, LOGIN = "sk_live_5ecret", "caf%C3%A9:p%40ss-w0rd"
AS_BASIC = "Basic Y2Fmw6k6cEBzcy13MHJk"
SECRETS = (KEY, LOGIN, "p@ss-w0rd", "ss-w0rd", AS_BASIC[6:])
BALANCE = reply(200, {"balance": "1.00"})
CALLS = (account.BALANCE, rentals.STATUS, rentals.CANCEL, rentals.RENT)
KINDS = pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def known(authority: Authority) -> ssl.SSLContext:
    return authority.serving("localhost")


@pytest.fixture
async def provider(known: ssl.SSLContext) -> AsyncIterator[Scripted]:
    async with Scripted(always=BALANCE, tls=known).running() as provider:
        yield provider


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with Proxy().running() as proxy:
        yield proxy


def through(proxy: str, authority: Authority) -> Outbound:
    return Outbound.through(proxy, authority.file)


def with_login(proxy: Proxy) -> str:
    return f"http://{LOGIN}@127.0.0.1:{proxy.port}"


async def failure(client: Client, call: AnyEndpoint) -> GatewayError:
    with pytest.raises(GatewayError) as raised:
        await client.send(call, KEY, None if call.method == "GET" else b"{}")
    error = raised.value
    said = [repr(error), *traceback.format_exception(error), *error.__notes__]
    assert not any(secret in text for secret in SECRETS for text in said)
    return error


@KINDS
async def test_a_call_goes_through_the_tunnel_and_the_proxy_reads_nothing_of_it(
    provider: Scripted, proxy: Proxy, authority: Authority, call: AnyEndpoint
) -> None:
    async with Client(provider.url, out=through(with_login(proxy), authority)) as client:
        answer = await client.send(call, KEY, None if call.method == "GET" else b"{}")

    assert answer == Reply(200, b'{"balance": "1.00"}')
    (asked,) = proxy.asked
    assert (asked.method, asked.target) == ("CONNECT", provider.url.removeprefix("https://"))
    assert asked.headers["proxy-authorization"] == AS_BASIC
    assert KEY not in str(asked)
    assert KEY.encode() not in proxy.carried
    assert provider.asked[0].headers["auth"] == KEY
    assert "proxy-authorization" not in provider.asked[0].headers


REFUSALS = {  # where the way ends: what the proxy does, and what is said of it
    "a login is wanted": (Step.REFUSE, b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\n\r\n",
                          "wants a login"),
    "the address is not allowed": (Step.REFUSE, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
                                   "answers 403"),
    "it does not reach the provider": (Step.REFUSE, Proxy().says, "answers 502"),
    "it has too much to do": (Step.REFUSE, b"HTTP/1.1 503 Busy\r\n\r\n", "answers 503"),
    "it redirects": (Step.REFUSE, b"HTTP/1.1 302 To\r\nLocation: http://127.0.0.1/\r\n\r\n",
                     "answers 302"),
    "it closes": (Step.CUT, b"", ""),
    "it closes once the tunnel is open": (Step.OPEN_AND_CUT, b"", ""),
    "it closes during the handshake": (Step.CUT_IN_HANDSHAKE, b"", ""),
    "there is no TLS behind it": (Step.BABBLE, b"", ""),
}  # fmt: skip


@pytest.mark.parametrize(("step", "says", "said"), REFUSALS.values(), ids=REFUSALS)
async def test_what_came_no_further_than_the_proxy_was_surely_not_sent(
    provider: Scripted, proxy: Proxy, authority: Authority, step: Step, says: bytes, said: str
) -> None:
    proxy.step, proxy.says = step, says
    async with Client(provider.url, out=through(with_login(proxy), authority)) as client:
        errors = [await failure(client, call) for call in CALLS]

    assert {type(error) for error in errors} == {UpstreamUnavailable}
    assert {error.charged for error in errors} == {Charged.NO}
    assert {said in error.detail for error in errors} == {True}
    assert {LOST_CHANGE in error.detail for error in errors} == {False}
    assert provider.asked == []


async def test_a_proxy_that_cannot_be_reached_was_told_nothing(
    provider: Scripted, authority: Authority
) -> None:
    async with Proxy().running() as gone:
        pass
    found = {}
    for name, url in {"gone": gone.url, "unknown": f"http://{LOGIN}@nowhere.invalid:3128"}.items():
        async with Client(provider.url, out=through(url, authority)) as client:
            found[name] = [await failure(client, call) for call in CALLS]

    assert {type(error) for errors in found.values() for error in errors} == {UpstreamUnavailable}
    assert {error.charged for errors in found.values() for error in errors} == {Charged.NO}
    assert all("the proxy before it cannot be reached" in error.detail for error in found["gone"])
    assert all("the proxy before it has no address" in error.detail for error in found["unknown"])
    assert provider.asked == []


async def test_a_proxy_that_never_answers_is_given_up_in_time(
    provider: Scripted, proxy: Proxy, authority: Authority
) -> None:
    proxy.step = Step.HANG
    out = through(proxy.url, authority)
    async with Client(provider.url, out=out, connect_seconds=0.2) as client:
        errors = await asyncio.gather(*(failure(client, call) for call in CALLS))

    assert {type(error) for error in errors} == {UpstreamUnavailable}
    assert {error.charged for error in errors} == {Charged.NO}
    assert len(proxy.asked) == len(CALLS)


async def test_a_purchase_whose_tunnel_breaks_once_it_is_sent_has_an_unknown_outcome(
    provider: Scripted, proxy: Proxy, authority: Authority
) -> None:
    provider.always = Act.HANG
    async with Client(provider.url, out=through(proxy.url, authority)) as client:
        buying = asyncio.ensure_future(failure(client, rentals.RENT))
        await provider.arrived.wait()
        proxy.cut()
        error = await buying

    assert type(error) is OutcomeUnknown
    assert error.charged is Charged.UNKNOWN
    assert len(provider.asked) == 1


async def test_a_change_whose_tunnel_breaks_once_it_is_sent_says_so(
    provider: Scripted, proxy: Proxy, authority: Authority
) -> None:
    provider.always = Act.HANG
    async with Client(provider.url, out=through(proxy.url, authority)) as client:
        changing = asyncio.ensure_future(failure(client, rentals.CANCEL))
        await provider.arrived.wait()
        proxy.cut()

        assert LOST_CHANGE in (await changing).detail


async def test_reads_share_a_tunnel_with_nobody_and_purchases_have_one_each(
    provider: Scripted, proxy: Proxy, authority: Authority
) -> None:
    async with Client(provider.url, out=through(with_login(proxy), authority)) as client:
        for call in (account.BALANCE, rentals.STATUS, rentals.RENT, rentals.RENT, account.BALANCE):
            await client.send(call, KEY, None if call.method == "GET" else b"{}")
        assert len(proxy.asked) == 3
        await client.send(account.BALANCE, "sk_of_another")
        await client.send(account.BALANCE, KEY)

    assert len(proxy.asked) == 4


async def test_tunnels_that_are_kept_are_bounded_too(
    provider: Scripted, proxy: Proxy, authority: Authority
) -> None:
    limit, out = 4, through(proxy.url, authority)
    async with Client(provider.url, out=out, connections=limit) as client:
        for number in range(20):
            await client.send(account.BALANCE, f"sk_{number}")
            await until(lambda: proxy.open <= limit)
        await client.send(account.BALANCE, "sk_19")

        assert len(proxy.asked) == 20
    await until(lambda: proxy.open == 0)


async def test_surplus_words_in_a_tunnel_reach_nobody(
    provider: Scripted, proxy: Proxy, authority: Authority
) -> None:
    provider.always = lambda asked: 2 * reply(200, {"key": asked.headers["auth"]})
    async with Client(provider.url, out=through(proxy.url, authority)) as client:
        for key in ("sk_a", "sk_b", "sk_a", "sk_b"):
            answer = await client.send(account.BALANCE, key)

            assert json.loads(answer.body or b"") == {"key": key}


@KINDS
async def test_a_provider_without_tls_is_asked_through_the_proxy_all_the_same(
    proxy: Proxy, call: AnyEndpoint
) -> None:
    async with Scripted(always=BALANCE).running() as provider:
        async with Client(provider.url, out=Outbound.through(with_login(proxy), None)) as client:
            await client.send(call, KEY, None if call.method == "GET" else b"{}")

        assert [asked.path for asked in provider.asked] == [call.path]
    (asked,) = proxy.asked
    assert asked.target == provider.url + call.path
    assert asked.headers["proxy-authorization"] == AS_BASIC


@KINDS
async def test_without_tls_a_proxy_that_wants_a_login_has_passed_nothing_on(
    proxy: Proxy, call: AnyEndpoint
) -> None:
    proxy.step, proxy.says = Step.REFUSE, b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n"
    async with Scripted().running() as provider:
        async with Client(provider.url, out=Outbound.through(proxy.url, None)) as client:
            error = await failure(client, call)

        assert provider.asked == []
    assert type(error) is UpstreamUnavailable
    assert "wants a login" in error.detail


async def test_a_provider_that_says_407_itself_may_have_sold(
    provider: Scripted, proxy: Proxy, authority: Authority
) -> None:
    provider.always = reply(407, b"")
    async with Client(provider.url, out=through(proxy.url, authority)) as client:
        answer = await client.send(rentals.RENT, KEY, b"{}")

    assert answer == Reply(407, b"")


async def test_the_environment_s_proxies_are_not_obeyed(
    provider: Scripted, proxy: Proxy, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv(name.lower(), proxy.url)
    async with Client(provider.url, out=Outbound.through(None, authority.file)) as client:
        await client.send(account.BALANCE, KEY)

    assert (len(provider.asked), proxy.asked) == (1, [])


@KINDS
async def test_a_provider_whose_authority_nobody_named_is_not_asked(
    provider: Scripted, call: AnyEndpoint, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "Other CA")
    for out in (Outbound(), Outbound.through(None, other.file)):
        async with Client(provider.url, out=out) as client:
            error = await failure(client, call)

        assert type(error) is UpstreamUnavailable
        assert "certificate is not trusted" in error.detail
        assert "GETATEXT_CA_FILE" in error.detail
    assert provider.asked == []


def test_the_system_s_authorities_stay_trusted(authority: Authority) -> None:
    system = ssl.create_default_context().cert_store_stats()["x509_ca"]
    tls = Outbound.through(None, authority.file).tls

    assert isinstance(tls, ssl.SSLContext)
    assert tls.cert_store_stats()["x509_ca"] == system + 1
