"""The MCP face on the gateway's HTTP port."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial

from aiohttp import hdrs, web

from gateway.core.auth.hosts import AllowedHosts
from gateway.core.auth.oauth.service import OAuth
from gateway.core.model.callers import Caller
from gateway.http.serving.app import ADMISSION
from gateway.http.wire.addresses import host_of
from gateway.http.wire.admission import MCP_REQUESTS
from gateway.http.wire.auth import CALLER, key_of
from gateway.http.wire.edge import NOTE, TRACE_ID
from gateway.settings import Settings
from gateway.wiring.core import Core
from gateway.wiring.mcp_options import McpChoices, mcp_options
from gateway.wiring.sign_in import add_oauth
from mcp_server.transport.http import McpAdmission, mount


def add_mcp(
    app: web.Application, settings: Settings, core: Core, oauth: OAuth, hosts: AllowedHosts
) -> None:
    """Add /mcp to the application; `hosts` are the names by which it may be addressed.

    Clients may sign in by `oauth` where the settings say so.
    """

    async def by_key(request: web.Request) -> Caller:
        return await core.callers.identify(key_of(request))

    who = by_key
    if settings.gateway_oauth:
        who = add_oauth(app, settings, oauth, core.callers, hosts).identify

    async def identify(request: web.Request) -> Caller:
        caller = request[CALLER] = await who(request)
        return caller

    options = mcp_options(settings, McpChoices(), core.hasher.name("mcp").encode())
    options = replace(options, hosts=hosts)
    host = partial(host_of, proxies=settings.gateway_trusted_proxies)
    held, watch = partial(_held, core), partial(core.key_watch.hold, any_secret=True)
    admission = McpAdmission(held, app[ADMISSION].address, host, watch)
    mount(
        core.invoker,
        identify,
        lambda request: request[TRACE_ID],
        options,
        admission,
        lambda request: request[NOTE],
    ).add_to(app)


@contextmanager
def _held(core: Core, request: web.Request, caller: Caller) -> Iterator[None]:
    """Counts a request while it is open. A stream (GET) ends with its caller's key."""
    stream = request.method == hdrs.METH_GET
    with (
        request.app[ADMISSION].held(request, caller, MCP_REQUESTS),
        core.key_watch.holding(caller) if stream else nullcontext(),
    ):
        yield
