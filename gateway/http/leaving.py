"""Whether a caller has hung up."""

from aiohttp import web


def gone(request: web.BaseRequest) -> bool:
    """Whether the connection of a request is closed or closing."""
    transport = request.transport
    return transport is None or transport.is_closing()
