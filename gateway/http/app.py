"""Puts the faces together into one application."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from gateway.core.callers import Callers
from gateway.core.errors import GatewayError
from gateway.core.events import Events
from gateway.core.invoke import Invoker
from gateway.core.waking import Waking
from gateway.core.webhooks import Webhooks
from gateway.http import getatext_desk, getatext_v1, handler_api, problems
from gateway.http.documents import Documents
from gateway.http.edge import Edge
from gateway.http.events import EventsFace
from gateway.http.getatext_desk import GetatextDesk
from gateway.http.getatext_v1 import GetatextFace
from gateway.http.handler_api import HandlerApiFace
from gateway.http.health import Health
from gateway.http.inputs import MAX_BODY
from gateway.http.legacy import Legacy, spelt_usually
from gateway.http.purchases import Purchases
from gateway.http.rest import RestFace
from gateway.http.sms_activate import face as sms_activate
from gateway.http.sms_activate.face import SmsActivateFace
from gateway.http.webhook import WebhookFace, WebhookTerms

EDGE = web.AppKey("edge", Edge)
INVOKER = web.AppKey("invoker", Invoker)
STREAMS = web.AppKey("streams", EventsFace)


@dataclass(frozen=True, slots=True)
class Faces:
    """What the faces work with; `public_url` "" means: as the caller reached us."""

    callers: Callers
    invoker: Invoker
    events: Events
    waking: Waking
    webhooks: Webhooks
    webhook_terms: WebhookTerms
    render_metrics: Callable[[], bytes]
    provider_reachable: Callable[[], Awaitable[bool]]
    breaker_states: Callable[[], Mapping[str, str]]
    public_url: str = ""
    metrics_token: str | None = None
    access_log: bool = True
    legacy: Legacy = field(default_factory=Legacy)


def make_app(faces: Faces) -> web.Application:
    """The application with all its routes."""
    rest = RestFace(faces.callers, faces.invoker)
    edge = Edge(rest.guard, _render, access_log=faces.access_log)
    health = Health(
        edge,
        faces.provider_reachable,
        faces.breaker_states,
        faces.render_metrics,
        faces.metrics_token,
    )
    app = web.Application(client_max_size=MAX_BODY)
    streams = EventsFace(faces.callers, faces.invoker, faces.events, faces.waking)
    app[EDGE], app[INVOKER], app[STREAMS] = edge, faces.invoker, streams
    app.add_routes(streams.routes())
    app.add_routes(WebhookFace(faces.webhooks, faces.webhook_terms).routes())
    app.add_routes(rest.routes())
    app.add_routes(_drop_ins(faces))
    app.add_routes(health.routes())
    app.add_routes(Documents(faces.public_url).routes())
    return app


def _drop_ins(faces: Faces) -> list[web.RouteDef]:
    """The faces that existing tools know."""
    purchases = Purchases(faces.invoker)
    desk = GetatextDesk(faces.callers, faces.invoker, purchases, faces.legacy)
    legacy = SmsActivateFace(faces.callers, faces.invoker, purchases, faces.legacy)
    return [*legacy.routes(), *HandlerApiFace(desk).routes(), *GetatextFace(desk).routes()]


def _render(request: web.Request, error: GatewayError, trace_id: str) -> web.StreamResponse:
    """A failure in the form of the face that was asked."""
    path = spelt_usually(request.path)
    if path == sms_activate.PATH:
        return sms_activate.render(error, trace_id)
    if path == handler_api.PATH or path.startswith(getatext_v1.PREFIX):
        return getatext_desk.render(request, error)
    return problems.render(error, trace_id)
