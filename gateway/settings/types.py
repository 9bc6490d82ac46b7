"""The types of values that several settings have."""

import os
import re
import ssl
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    Field,
    SecretStr,
    StringConstraints,
    UrlConstraints,
)
from yarl import URL

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\x00-\x20\x7f/?#@\\,*]+", re.IGNORECASE).fullmatch
_LONGEST_SOCKET = 107  # bytes that Linux takes
_PROXY = re.compile(r"http://[^\x00-\x20\x7f/?#\\]+/?", re.IGNORECASE).fullmatch


def _origin(text: str) -> str:
    """An origin as browsers send it: the host in lower-case ASCII, no default port."""
    if text == "*":
        return text
    try:
        origin = URL(text).origin() if _ORIGIN(text) else None
    except ValueError:
        origin = None
    if origin is None:
        raise ValueError("is not an origin such as https://app.example or http://127.0.0.1:5173")
    return str(origin.with_port(None) if origin.is_default_port() else origin)


def _listen_on(host: str) -> str:
    """An address, also one of IPv6 in brackets, or a Unix socket."""
    if host.startswith("unix:") and not 0 < len(os.fsencode(host[5:])) <= _LONGEST_SOCKET:
        raise ValueError(
            "is not a Unix socket such as unix:/run/getatext-gateway/gateway.sock, whose path has "
            f"at most {_LONGEST_SOCKET} bytes"
        )
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _proxy(secret: SecretStr) -> SecretStr:
    """The URL of an HTTP proxy, whose login may be in it."""
    text = secret.get_secret_value()
    try:
        usable = _PROXY(text) and ":" not in (URL(text).user or "")  # no login may hold one
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("is not a URL such as http://user:password@proxy.example:3128")
    return secret


def _authorities(path: Path) -> Path:
    """A file of certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except FileNotFoundError:
        raise ValueError("is not the path of a file") from None
    except OSError:  # ssl.SSLError is one
        raise ValueError("is not the path of a file of certificates in PEM form") from None
    return path


HttpUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]
_HOST = r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$"
HostName = Annotated[str, StringConstraints(pattern=_HOST)]
ListenOn = Annotated[str, AfterValidator(_listen_on)]
CaFile = Annotated[Path, AfterValidator(_authorities)]
Origin = Annotated[str, AfterValidator(_origin)]
ProxyUrl = Annotated[SecretStr, AfterValidator(_proxy)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
