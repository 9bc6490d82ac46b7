"""Sends one delivery over HTTP, to an address that was checked."""

import base64
import hashlib
import hmac
import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from adapters.outgoing.addresses import AddressRefused, Network, is_allowed
from adapters.outgoing.resolver import ScreenedResolver, WebhookResolver
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
        tls: ssl.SSLContext | bool = True,
    ) -> None:
        """`networks` are allowed besides public addresses, plain http too.

        `seconds` are for the whole of a try, `connect_seconds` for its connection. `tls` says which
        authorities are trusted; True: the system's.
        """
        self._networks = tuple(networks)
        self._resolver = resolver or WebhookResolver()
        self._tls = tls
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
        try:
            url = _parsed(message.url)
            async with (
                self._session(encrypted=url.scheme == "https") as session,
                session.post(
                    url, data=message.body, headers=_signed(message), allow_redirects=False
                ) as response,
            ):
                status = response.status
                retry_after = _seconds_of(response.headers.get("Retry-After"))
                answer = await _beginning(response)
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            if status is None:
                error = self._words(fault)
        took = time.monotonic() - begun
        return SendResult(status, error, _readable(answer), took, retry_after)

    def _session(self, *, encrypted: bool) -> aiohttp.ClientSession:
        """A session for one request."""

        def allowed(address: str) -> bool:
            try:
                parsed = ipaddress.ip_address(address)
            except ValueError:
                return False
            return is_allowed(parsed, self._networks, encrypted=encrypted)

        def checked(info: aiohttp.AddrInfoType) -> socket.socket:
            family, kind, protocol, _, place = info
            if not allowed(str(place[0])):
                raise AddressRefused
            made = socket.socket(family, kind, protocol)
            # Before it is connected: the other side is told how much it may send unread.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _MOST_READ // 4)
            return made

        connector = aiohttp.TCPConnector(
            force_close=True,
            use_dns_cache=False,
            resolver=ScreenedResolver(self._resolver, allowed),
            socket_factory=checked,
            ssl=self._tls,
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
        if isinstance(getattr(fault, "os_error", None), AddressRefused):
            return _NOT_PUBLIC
        if isinstance(fault, aiohttp.ConnectionTimeoutError):
            return self._unconnected
        if isinstance(fault, TimeoutError):
            return self._slow
        if type(fault) is aiohttp.ClientConnectorError:
            reason = os.strerror(fault.errno) if fault.errno else "refused"
            return f"No connection could be made: {reason}."
        found = (words for kind, words in _FAULTS if isinstance(fault, kind))
        return next(found, "Its URL cannot be used.")


def _parsed(url: str) -> URL:
    """The URL as it will be sent to. Raises ValueError with a sentence."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("must be written in ASCII, as a browser shows it when it is copied")
    try:
        parsed, authority = URL(url), urlsplit(url).netloc
        host = parsed.raw_host  # an international name as it is asked for
        usable = host and parsed.scheme in _SCHEMES and parsed.port and _is_host(host)
    except (ValueError, IndexError):  # yarl's fault for some with an @ behind brackets
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
