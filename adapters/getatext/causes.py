"""Why the provider could not be reached: in words for callers, and as a chain for the log.

Neither holds a message of the HTTP library, which may quote the request and its key.
"""

import errno

import aiohttp

from adapters.getatext.outbound import LoginWanted

_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
_MOST_LINKS = 4
_PROXY = "the proxy before it"


# The first class that a fault is of counts: narrow ones stand before wide ones.
_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not trusted"),
    (aiohttp.ClientSSLError, "no TLS connection can be made"),
    (aiohttp.ConnectionTimeoutError, "no connection was made in time"),
    (aiohttp.ClientConnectorError, "no connection can be made"),
    (TimeoutError, "it did not answer in time"),
    (aiohttp.ClientResponseError, "its answer is no valid HTTP"),
)


def cause_of(fault: BaseException, *, proxied: bool = False) -> str:
    """What happened to a call, as the end of a sentence about the provider.

    `proxied`: it went through a proxy, whose name is the only one that is resolved then.
    """
    if told := _of_proxy(fault, proxied):
        return f"{_PROXY} {told}"
    if isinstance(fault, aiohttp.ClientConnectorError):
        if fault.errno == errno.ECONNREFUSED:
            return "it refuses connections"
        if fault.errno in _NO_WAY:
            return "no route leads to it"
    known = (words for kind, words in _CAUSES if isinstance(fault, kind))
    return next(known, "the connection broke off")


def _of_proxy(fault: BaseException, proxied: bool) -> str | None:
    match fault:
        case LoginWanted() | aiohttp.ClientHttpProxyError(status=407):
            return "wants a login"
        case aiohttp.ClientHttpProxyError(status=status):
            return f"answers {status}"
        case aiohttp.ClientProxyConnectionError():
            return "cannot be reached"
        case aiohttp.ClientConnectorDNSError() if proxied:
            return "has no address"
        case _:
            return None


def advice_on(fault: BaseException, cause: str) -> str | None:
    """What to do where only the operator can do something; None: what is usual."""
    if isinstance(fault, aiohttp.ClientConnectorCertificateError):
        return "The operator must check GETATEXT_CA_FILE."
    if cause.startswith(_PROXY) and " answers " not in cause:
        return "The operator must check GETATEXT_PROXY."
    return None


def chain_of(fault: BaseException) -> str:
    """The classes of a fault and of its causes, with what the system says of them."""
    links: list[str] = []
    seen: BaseException | None = fault
    while seen is not None and len(links) < _MOST_LINKS:
        says = seen.strerror if isinstance(seen, OSError) else None
        links.append(f"{type(seen).__name__}: {says}" if says else type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    return " < ".join(links)
