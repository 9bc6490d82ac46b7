"""Checks the way to the provider step by step, then its word on the key, and its clock."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

import aiohttp

from adapters.getatext.diagnosis import Answered, Route, TunnelRefused
from adapters.getatext.outbound import Outbound
from gateway.core.auth.hosts import is_loopback
from gateway.core.model.errors import GatewayError, RateLimited
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamBadResponse
from gateway.core.model.values import money_text
from gateway.settings import Settings
from gateway.wiring.core import revealed
from gateway.wiring.doctor import findings
from gateway.wiring.doctor.findings import Finding, State, late

_OFF, _FAR_OFF = 5.0, 60.0  # seconds that clocks may differ
_KEY = "Set GETATEXT_API_KEY to the key in your profile at https://getatext.com."
_FIREWALL = "A firewall may be in the way."
_CERTIFICATES = {
    9: "is not valid yet: is the clock of this machine right?",
    10: "has expired.",
    62: "is for another name.",
    64: "is for another address.",
}
_Step = Callable[[], Awaitable[Finding]]


async def check_provider(settings: Settings) -> list[Finding]:
    """Each step to the provider; those after one that fails are skipped."""
    route = Route(
        str(settings.getatext_base_url),
        Outbound.through(revealed(settings.getatext_proxy), settings.getatext_ca_file),
    )
    steps: dict[str, _Step] = {"dns": partial(_dns, route), "tcp": partial(_tcp, route)}
    if route.tunnelled:
        steps["proxy"] = partial(_proxy, route)
    steps["tls"] = partial(_tls, route)
    found: list[Finding] = []
    for name, step in steps.items():
        found.append(await _timed(name, step))
        if found[-1].state is State.FAILED:
            rest = [*list(steps)[len(found) :], "key", "clock"]
            why = f"It needs {name}."
            return found + [Finding(each, State.SKIPPED, why) for each in rest]
    return found + await _answer(route, revealed(settings.getatext_api_key))


async def _timed(name: str, step: _Step) -> Finding:
    try:
        async with asyncio.timeout(findings.SECONDS):
            return await step()
    except TimeoutError:
        advice = "It may speak no TLS: check GETATEXT_BASE_URL." if name == "tls" else _FIREWALL
        return Finding(name, State.FAILED, late(findings.SECONDS), advice)


async def _dns(route: Route) -> Finding:
    host = route.first.host
    try:
        addresses = await route.resolve()
    except socket.gaierror as error:
        reason = (error.strerror or str(error)).lower()
        return Finding(
            "dns", State.FAILED, f"{host} has no address: {reason}.", f"Check {_setting(route)}."
        )
    if addresses == [host]:
        return Finding("dns", State.OK, f"{host} is an address.")
    return Finding("dns", State.OK, f"{host} has the address {' and '.join(addresses[:3])}.")


async def _tcp(route: Route) -> Finding:
    place = f"{route.first.host_subcomponent}:{route.first.port}"
    try:
        await route.connect()
    except ConnectionRefusedError:
        return Finding(
            "tcp",
            State.FAILED,
            f"{place} refuses connections.",
            f"Check {_setting(route)}, and whether a firewall is in the way.",
        )
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("tcp", State.FAILED, f"{place} cannot be connected to: {reason}.")
    return Finding("tcp", State.OK, f"{place} accepts connections.")


async def _proxy(route: Route) -> Finding:
    try:
        await route.tunnel()
    except TunnelRefused as refusal:
        said = f"The proxy answers {refusal.status} to CONNECT {route.url.host}."
        if refusal.status == "407":
            return Finding("proxy", State.FAILED, said, "Check the login in GETATEXT_PROXY.")
        return Finding("proxy", State.FAILED, said, "Let it connect there, or set another.")
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        said = "The proxy does not answer as one that speaks HTTP."
        return Finding("proxy", State.FAILED, said, "Check GETATEXT_PROXY.")
    return Finding("proxy", State.OK, f"The proxy connects to {route.url.host}.")


async def _tls(route: Route) -> Finding:
    host = route.url.host or ""
    if not route.encrypted:
        if is_loopback(host):
            return Finding("tls", State.SKIPPED, "http to this machine itself.")
        return Finding(
            "tls", State.WARNING, f"Keys and codes go to {host} unencrypted.", "Use https."
        )
    try:
        version = await route.handshake()
    except ssl.SSLCertVerificationError as error:
        return _untrusted(host, error)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        said = f"{host}:{route.url.port} does not speak TLS as it should: {reason}."
        return Finding("tls", State.FAILED, said, "Check GETATEXT_BASE_URL.")
    return Finding("tls", State.OK, f"{host} is who it says ({version}).")


def _untrusted(host: str, error: ssl.SSLCertVerificationError) -> Finding:
    known = _CERTIFICATES.get(error.verify_code)
    if known is not None:
        return Finding("tls", State.FAILED, f"The certificate of {host} {known}")
    return Finding(
        "tls",
        State.FAILED,
        f"The certificate of {host} is not trusted: {error.verify_message}.",
        "Where a proxy opens connections, name its authority in GETATEXT_CA_FILE.",
    )


async def _answer(route: Route, key: str | None) -> list[Finding]:
    try:
        async with asyncio.timeout(findings.SECONDS):
            answered = await route.ask(key or "")
    except (TimeoutError, OSError, aiohttp.ClientError) as error:
        how = f"{route.url.host} does not answer as it should: {type(error).__name__}."
        what = late(findings.SECONDS) if isinstance(error, TimeoutError) else how
        return [
            Finding("key", State.FAILED, what, "Check GETATEXT_BASE_URL."),
            Finding("clock", State.SKIPPED, "It needs an answer of the provider."),
        ]
    return [_key(answered, key), _clock(answered)]


def _key(answered: Answered, key: str | None) -> Finding:
    if key is None:
        found = "GETATEXT_API_KEY is not set: only callers with keys of their own are served."
        return Finding("key", State.WARNING, found, _KEY)
    try:
        balance = answered.balance()
    except RateLimited:
        return Finding("key", State.WARNING, "The provider has too many calls now: ask again.")
    except UpstreamAuthFailed:
        return Finding("key", State.FAILED, "The provider does not accept the key.", _KEY)
    except GatewayError as error:
        if isinstance(error, UpstreamBadResponse) and answered.reply.status < 300:
            said = "Something answers there that does not speak as the provider."
            return Finding("key", State.FAILED, said, "Check GETATEXT_BASE_URL.")
        said = error.upstream.message.replace(key, "[key]") if error.upstream else ""
        return Finding(
            "key",
            State.FAILED,
            f"The provider answers {answered.reply.status}{f': {said}' if said else ''}.",
            "If that lasts, check GETATEXT_BASE_URL, and ask the provider.",
        )
    return Finding("key", State.OK, f"Accepted; the balance is ${money_text(balance.balance)}.")


def _clock(answered: Answered) -> Finding:
    off = answered.clock_off
    if off is None:
        return Finding("clock", State.SKIPPED, "The provider does not tell its time.")
    if abs(off) <= _OFF:
        return Finding("clock", State.OK, f"Within {_OFF:g} s of the provider's.")
    ours = "behind" if off > 0 else "ahead of"
    return Finding(
        "clock",
        State.FAILED if abs(off) > _FAR_OFF else State.WARNING,
        f"The clock of this machine is {abs(off):.0f} s {ours} the provider's.",
        "Let the system set it by NTP: ends of rentals are judged by it.",
    )


def _setting(route: Route) -> str:
    return "GETATEXT_BASE_URL" if route.first is route.url else "GETATEXT_PROXY"
