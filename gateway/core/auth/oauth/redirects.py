"""Redirect URIs: which a client may register, and which it may ask for then."""

import re
from urllib.parse import urlencode, urlsplit

from gateway.core.auth.hosts import is_loopback

MAX_URI = 2000
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,50}").fullmatch
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+").fullmatch
_URI = re.compile(rf"[!\"$-~]{{1,{MAX_URI}}}").fullmatch  # printable, without #
_WEB = ("http", "https")
# What a browser would do itself with an address, instead of handing it to a program.
_BROWSERS_OWN = frozenset(
    ("about", "blob", "chrome", "data", "file", "filesystem", "ftp", "intent", "javascript")
) | {"mailto", "sms", "tel", "vbscript", "view-source", "ws", "wss"}


def fault(uri: str) -> str | None:
    """Why a client may not register this redirect URI; None where it may.

    It may be one of https, of http on the person's own machine, or of a program's own scheme.
    """
    if not _URI(uri):
        return f"a redirect URI must be a URI without a fragment, of at most {MAX_URI} characters"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "a redirect URI must have a host and a port that are such"
    if not _SCHEME(parts.scheme) or parts.scheme in _BROWSERS_OWN:
        return "a redirect URI must be of https, or of a program's own scheme"
    return _web_fault(parts.scheme, parts.netloc, host) if parts.scheme in _WEB else None


def is_registered(uri: str, registered: tuple[str, ...]) -> bool:
    """Whether a redirect URI is one of those, character for character.

    The port may be another one where the host is the person's own machine: a program takes what
    is free there (RFC 8252, section 7.3).
    """
    if uri in registered:
        return True
    portless = _without_port(uri)
    return portless is not None and portless in {_without_port(each) for each in registered}


def target(uri: str) -> str:
    """Where a redirect leads, for a person to read: its host, or the scheme of a program."""
    parts = urlsplit(uri)
    if parts.scheme in _WEB:
        return "a program on this computer" if is_loopback(parts.hostname or "") else parts.netloc
    return f"a program on this device ({parts.scheme}:)"


def source(uri: str) -> str:
    """What a Content-Security-Policy has to name for a redirect to be followed."""
    parts = urlsplit(uri)
    if parts.scheme not in _WEB or "[" in parts.netloc:  # it knows no IPv6
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"


def with_parameters(uri: str, **more: str | None) -> str:
    """The URI with these in its query; None is left out."""
    given = {name: value for name, value in more.items() if value is not None}
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(given)}"


def _web_fault(scheme: str, netloc: str, host: str) -> str | None:
    if "@" in netloc or not _HOST(host):
        return "a redirect URI must name a host, and no user"
    if scheme == "http" and not is_loopback(host):
        return "a redirect URI of http must be of the person's own machine"
    return None


def _without_port(uri: str) -> str | None:
    """A redirect URI of http on the person's own machine without its port; None for any other."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme != "http" or "@" in parts.netloc or not is_loopback(host):
        return None
    return parts._replace(netloc=f"[{host}]" if ":" in host else host).geturl()
