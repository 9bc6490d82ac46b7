"""Checks where the gateway listens, and where the provider's webhook reaches it."""

import errno
import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from gateway.core.auth.hosts import is_loopback
from gateway.http.serving.listening import UNIX, bracketed
from gateway.settings import Settings
from gateway.wiring.doctor import findings
from gateway.wiring.doctor.findings import Finding, State

_LOCAL = URL("http://localhost")
_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not listened on


async def check_port(settings: Settings) -> list[Finding]:
    """Whether the port or the socket is free, or a gateway answers there."""
    host, port = settings.gateway_host, settings.gateway_port
    if host.startswith(UNIX):
        path = Path(host.removeprefix(UNIX))
        found = _socket_at(path)
        return [found or await _who(aiohttp.UnixConnector(str(path)), _LOCAL, str(path))]
    place = f"{bracketed(host)}:{port}"
    if port == 0:
        return [Finding("port", State.OK, f"A free one of {host} is taken at each start.")]
    fault = _bind(host, port)
    if fault is None:
        return [Finding("port", State.OK, f"{place} is free.")]
    if fault.errno == errno.EADDRINUSE:
        base = URL(f"http://{bracketed(_ALL.get(host, host))}:{port}")
        return [await _who(aiohttp.TCPConnector(), base, place)]
    advice = "Check GATEWAY_HOST and GATEWAY_PORT."
    if fault.errno == errno.EACCES:
        advice = "Ports below 1024 need rights."
    reason = fault.strerror or fault
    return [Finding("port", State.FAILED, f"{place} cannot be listened on: {reason}.", advice)]


def _bind(host: str, port: int) -> OSError | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as fault:
        return fault
    return None


def _socket_at(path: Path) -> Finding | None:
    """Whether a Unix socket can be made at this path; None where somebody listens there."""
    if not os.path.lexists(path):
        if os.access(path.parent, os.W_OK | os.X_OK):
            return Finding("port", State.OK, f"{path} is free.")
        found = f"No socket can be made in {path.parent}."
        return Finding("port", State.FAILED, found, "Make that folder one where it may write.")
    if not path.is_socket():
        return Finding("port", State.FAILED, f"{path} is no socket.", "Set another GATEWAY_HOST.")
    try:
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))
    except ConnectionRefusedError:
        return Finding("port", State.OK, f"{path} was left behind: the next start takes it.")
    except OSError as error:
        return Finding("port", State.FAILED, f"{path} cannot be used: {error.strerror}.")
    return None


async def _who(connector: aiohttp.BaseConnector, base: URL, place: str) -> Finding:
    """Who answers where others listen."""
    timeout = aiohttp.ClientTimeout(total=findings.SECONDS / 2)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        alive = await _json(session, base / "healthz")
        if alive != {"status": "ok"}:
            taken, advice = f"{place} is taken by another program.", "Stop it, or set another."
            return Finding("port", State.FAILED, taken, advice)
        ready = await _json(session, base / "readyz")
        document = await _json(session, base / "openapi.json")
    status = ready.get("status", "not ready")
    version = document.get("info", {}).get("version", "version unknown")
    state = State.OK if status == "ready" else State.WARNING
    return Finding("port", state, f"A gateway ({version}) answers on {place}: {status}.")


async def _json(session: aiohttp.ClientSession, url: URL) -> dict[str, Any]:
    """The object that answers there; empty where none does."""
    try:
        async with session.get(url, allow_redirects=False) as response:
            found = await response.json(content_type=None)
    except (TimeoutError, OSError, aiohttp.ClientError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


async def check_webhook(settings: Settings) -> list[Finding]:
    """What is known of the address by which the provider's webhook reaches the gateway."""
    url = settings.gateway_public_url
    if url is None:
        found = "GATEWAY_PUBLIC_URL is not set: codes are polled for, and the provider sends none."
        return [Finding("webhook", State.SKIPPED, found)]
    base = str(URL(str(url)).with_user(None).with_query(None)).rstrip("/")
    if _is_private(url.host or ""):
        found = f"The provider's webhook cannot reach {base} from outside."
        return [Finding("webhook", State.WARNING, found, "Set GATEWAY_PUBLIC_URL to another.")]
    if url.scheme != "https":
        found = f"The provider's webhook sends codes to {base} unencrypted."
        return [Finding("webhook", State.WARNING, found, "Use https in GATEWAY_PUBLIC_URL.")]
    found = f"It comes to {base}, which cannot be tried from here."
    advice = "What `getatext-gateway provider-webhook` prints belongs in your profile at Getatext."
    return [Finding("webhook", State.OK, found, advice)]


def _is_private(host: str) -> bool:
    if is_loopback(host):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))
