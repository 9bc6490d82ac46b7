"""Why the provider could not be reached: in words for callers, and as a chain for the log.

Neither holds a message of the HTTP library, which may quote the request and its key.
"""

import errno

import aiohttp

_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
_MOST_LINKS = 4


# The first class that a fault is of counts: narrow ones stand before wide ones.
_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not trusted"),
    (aiohttp.ClientSSLError, "no TLS connection can be made"),
    (aiohttp.ClientProxyConnectionError, "the proxy before it cannot be reached"),
    (aiohttp.ClientHttpProxyError, "the proxy before it refuses the connection"),
    (aiohttp.ConnectionTimeoutError, "no connection was made in time"),
    (aiohttp.ClientConnectorError, "no connection can be made"),
    (TimeoutError, "it did not answer in time"),
    (aiohttp.ClientResponseError, "its answer is no valid HTTP"),
)


def cause_of(fault: BaseException) -> str:
    """What happened to a call, as the end of a sentence about the provider."""
    if isinstance(fault, aiohttp.ClientConnectorError):
        if fault.errno == errno.ECONNREFUSED:
            return "it refuses connections"
        if fault.errno in _NO_WAY:
            return "no route leads to it"
    known = (words for kind, words in _CAUSES if isinstance(fault, kind))
    return next(known, "the connection broke off")


def chain_of(fault: BaseException) -> str:
    """The classes of a fault and of its causes, with what the system says of them."""
    links: list[str] = []
    seen: BaseException | None = fault
    while seen is not None and len(links) < _MOST_LINKS:
        says = seen.strerror if isinstance(seen, OSError) else None
        links.append(f"{type(seen).__name__}: {says}" if says else type(seen).__name__)
        seen = seen.__cause__ or seen.__context__
    return " < ".join(links)
