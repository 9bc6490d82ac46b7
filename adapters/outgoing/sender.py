"""Sends one delivery over HTTP, to an address that was checked."""

import base64
import hashlib
import hmac
import ipaddress
import os
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from adapters.outgoing.addresses import Network, is_allowed
from adapters.outgoing.resolver import WebhookResolver
from gateway.core.model.webhooks import MAX_ANSWER
from gateway.core.ports.sending import OutgoingMessage, SendResult

CONNECT_SECONDS, SECONDS = 5.0, 15.0
_MOST_READ = 64 * 1024
_AGENT = f"getatext-gateway/{version('getatext-gateway')}"
_HEADERS = {
    "Content-Type": "application/json",
    "User-Agent": _AGENT,
    "Accept": "*/*",
    "Accept-Encoding": "identity",
}
_SCHEMES = ("http", "https")
_WANTED = "must be an https address, such as https://example.com/hooks/sms"
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?").fullmatch
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*").fullmatch
_NOT_PUBLIC = "Its address is none that this gateway may send to."
# The first that fits tells why; those below are kinds of those further down.
_FAULTS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "Its host name could not be resolved."),
    (aiohttp.ClientConnectorCertificateError, "Its TLS certificate is not accepted."),
    (aiohttp.ClientConnectorSSLError, "No TLS connection could be made."),
    (aiohttp.ServerDisconnectedError, "It closed the connection without an answer."),
    (aiohttp.ClientOSError, "The connection broke off before its answer."),
    (aiohttp.InvalidURL, "Its URL cannot be used."),
    (aiohttp.ClientError, "Its answer is not HTTP that can be read."),
)


class WebhookSender:
    """The core's port `Sender`. Each try has a connection of its own.

    Every socket is made for an address that was checked a moment before, whether a resolver told it
    or the URL did; the connection goes there and nowhere else. Redirects are not followed, and no
    proxy of the environment is used.
    """

    def __init__(
        self,
        networks: Sequence[Network] = (),
        *,
        connect_seconds: float = CONNECT_SECONDS,
        seconds: float = SECONDS,
        resolver: aiohttp.abc.AbstractResolver | None = None,
    ) -> None:
        """`networks` are allowed besides public addresses, plain http too.

        `seconds` are for the whole of a try, `connect_seconds` for its connection. Needs a running
        event loop.
        """
        self._networks = tuple(networks)
        self._resolver = resolver or WebhookResolver()
        self._timeout = aiohttp.ClientTimeout(
            total=seconds, connect=connect_seconds, sock_connect=connect_seconds, sock_read=seconds
        )
        self._slow = f"It did not answer within {seconds:g} seconds."
        self._unconnected = f"No connection could be made within {connect_seconds:g} seconds."

    async def aclose(self) -> None:
        """Close the resolver."""
        await self._resolver.close()

    def check_url(self, url: str) -> None:
        """Raise ValueError, with a sentence for the caller, for what can never be sent to."""
        parsed = _parsed(url)
        if parsed.scheme != "https" and not (parsed.scheme == "http" and self._networks):
            raise ValueError(_WANTED)
        try:
            address = ipaddress.ip_address(parsed.host or "")
        except ValueError:
            return  # a name: its addresses are checked whenever something is sent
        if not is_allowed(address, self._networks, encrypted=parsed.scheme == "https"):
            raise ValueError("is at an address that this gateway may not send to")

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Send it once."""
        begun = time.monotonic()
        status, error, answer, retry_after = None, None, b"", None
        places = _Places()
        try:
            url = _parsed(message.url)
            async with (
                self._session(places, encrypted=url.scheme == "https") as session,
                session.post(
                    url, data=message.body, headers=_signed(message), allow_redirects=False
                ) as response,
            ):
                status = response.status
                retry_after = _seconds_of(response.headers.get("Retry-After"))
                answer = await _beginning(response)
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            if status is None:
                error = _NOT_PUBLIC if places.all_refused else self._words(fault)
        took = time.monotonic() - begun
        return SendResult(status, error, _readable(answer), took, retry_after)

    def _session(self, places: "_Places", *, encrypted: bool) -> aiohttp.ClientSession:
        """A session for one request, which notes the addresses that it is to go to."""

        def checked(info: aiohttp.AddrInfoType) -> socket.socket:
            family, kind, protocol, _, place = info
            address = ipaddress.ip_address(str(place[0]))
            if not is_allowed(address, self._networks, encrypted=encrypted):
                places.refused += 1
                raise OSError(_NOT_PUBLIC)
            places.allowed += 1
            return socket.socket(family, kind, protocol)

        connector = aiohttp.TCPConnector(
            force_close=True,
            use_dns_cache=False,
            resolver=_Lent(self._resolver),
            socket_factory=checked,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=_MOST_READ // 4,
        )

    def _words(self, fault: Exception) -> str:
        """Why no answer came; without addresses, which are the network's own."""
        if isinstance(fault, aiohttp.ConnectionTimeoutError):
            return self._unconnected
        if isinstance(fault, TimeoutError):
            return self._slow
        if type(fault) is aiohttp.ClientConnectorError:
            reason = os.strerror(fault.errno) if fault.errno else "refused"
            return f"No connection could be made: {reason}."
        found = (words for kind, words in _FAULTS if isinstance(fault, kind))
        return next(found, "Its URL cannot be used.")


@dataclass
class _Places:
    """To how many addresses a request was to go."""

    allowed: int = 0
    refused: int = 0

    @property
    def all_refused(self) -> bool:
        """Whether it may go to none of them."""
        return self.refused > 0 and not self.allowed


class _Lent(aiohttp.abc.AbstractResolver):
    """A resolver that several connectors use, none of which closes it."""

    def __init__(self, resolver: aiohttp.abc.AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[aiohttp.abc.ResolveResult]:
        return await self._resolver.resolve(host, port, socket.AddressFamily(family))

    async def close(self) -> None:
        """Left open for the next one."""


def _parsed(url: str) -> URL:
    """The URL as it will be sent to. Raises ValueError with a sentence."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("must be written in ASCII, as a browser shows it when it is copied")
    try:
        parsed, authority = URL(url), urlsplit(url).netloc
        usable = parsed.host and parsed.scheme in _SCHEMES and parsed.port and _is_host(parsed.host)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(_WANTED)
    if "@" in authority:
        raise ValueError("must have no user name or password in it")
    if "#" in url:
        raise ValueError("must have no part behind a #, which is never sent")
    return parsed


def _is_host(host: str) -> bool:
    """Whether it is an address or a name: no number that a resolver would take for an address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        return all(map(_LABEL, labels)) and not _NUMBER(labels[-1])
    return True


def _signed(message: OutgoingMessage) -> dict[str, str]:
    """The headers of a try, signed after Standard Webhooks."""
    at = str(int(time.time()))
    key = base64.b64decode(message.secret.removeprefix("whsec_"))
    signed = f"{message.id}.{at}.".encode() + message.body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        **_HEADERS,
        "webhook-id": message.id,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{signature}",
    }


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """As much of a body as is kept; its status stands, whatever becomes of the body."""
    body = bytearray()
    try:
        while len(body) < 4 * MAX_ANSWER:
            part = await response.content.read(4 * MAX_ANSWER)
            if not part:
                break
            body += part
    except (aiohttp.ClientError, OSError):
        return bytes(body)
    return bytes(body)


def _readable(answer: bytes) -> str:
    """Text without what could harm a terminal or a store."""
    text = answer.decode("utf-8", "replace")[:MAX_ANSWER]
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def _seconds_of(header: str | None) -> float | None:
    """The seconds that Retry-After asks for, as a number or a date; None where it asks nothing."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header.strip()[:9])
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
