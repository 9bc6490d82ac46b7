"""Assembles the faces into one aiohttp application."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from gateway.core.auth.authentication import Callers
from gateway.core.auth.hosts import AllowedHosts
from gateway.core.auth.key_watch import KeyWatch
from gateway.core.codes.provider_webhooks import ProviderWebhooks
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.errors import GatewayError
from gateway.core.ports.storage import Events
from gateway.core.rentals.notifier import Notifier
from gateway.http.documents.discovery import Discovery
from gateway.http.documents.face import Documents
from gateway.http.dropins.common import DropInSettings, canonical_path
from gateway.http.dropins.delivery import Deliveries
from gateway.http.dropins.getatext import answering, get_face, rest_face
from gateway.http.dropins.getatext.answering import Answering
from gateway.http.dropins.getatext.get_face import GetatextGetFace
from gateway.http.dropins.getatext.rest_face import GetatextRestFace
from gateway.http.dropins.sms_activate import face as sms_activate
from gateway.http.dropins.sms_activate.face import SmsActivateFace
from gateway.http.dropins.sms_activate.manner import DIALECTS
from gateway.http.dropins.unknown_parameters import UnknownParameters
from gateway.http.events.face import EventsFace
from gateway.http.health import Health
from gateway.http.pages.face import Pages
from gateway.http.rest.face import PREFIX, RestFace
from gateway.http.serving.file_limit import Capacity, capacity
from gateway.http.webhook import WebhookFace, WebhookTerms
from gateway.http.wire import problems
from gateway.http.wire.addresses import OwnAddress
from gateway.http.wire.admission import Admission
from gateway.http.wire.cors import ANY, Cors
from gateway.http.wire.edge import Edge, Ended, name_server
from gateway.http.wire.inputs import MAX_BODY

ADMISSION = web.AppKey("admission", Admission)
CAPACITY = web.AppKey("capacity", Capacity)
EDGE = web.AppKey("edge", Edge)
INVOKER = web.AppKey("invoker", Invoker)
STREAMS = web.AppKey("streams", EventsFace)


@dataclass(frozen=True, slots=True)
class Faces:
    """What the faces need; `public_url` "" means: the origin of each request, if of `hosts`."""

    callers: Callers
    key_watch: KeyWatch
    invoker: Invoker
    events: Events
    notifier: Notifier
    webhooks: ProviderWebhooks
    webhook_terms: WebhookTerms
    render_metrics: Callable[[], bytes]
    request_ended: Ended
    provider_reachable: Callable[[], Awaitable[bool]]
    ledger_writable: Callable[[], Awaitable[bool]]
    breaker_states: Callable[[], Mapping[str, str]]
    public_url: str = ""
    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    cors_origins: Sequence[str] = (ANY,)
    metrics_token: str | None = None
    access_log: bool = True
    drop_ins: DropInSettings = field(default_factory=DropInSettings)
    capacity: Capacity = field(default_factory=capacity)


def make_app(faces: Faces) -> web.Application:
    """The application with all its routes."""
    admission = Admission(faces.capacity.long_requests, faces.webhook_terms.proxies)
    address = OwnAddress(faces.public_url, faces.hosts, faces.webhook_terms.proxies)
    rest = RestFace(faces.callers, faces.invoker, admission, address)
    documents = Documents(address).routes()
    described = [route.path for route in documents]
    documents += Discovery(address).routes()
    documents += _with_slash(documents)
    cors = Cors(faces.cors_origins, PREFIX, [route.path for route in documents])
    edge = Edge(
        rest.guard,
        _render,
        cors,
        access_log=faces.access_log,
        ended=faces.request_ended,
        proxies=faces.webhook_terms.proxies,
    )
    health = _health(faces, edge)
    app = web.Application(client_max_size=MAX_BODY)
    app.on_response_prepare.append(name_server)
    streams = EventsFace(
        faces.callers, faces.invoker, faces.events, faces.notifier, admission, faces.key_watch
    )
    app[EDGE], app[INVOKER], app[STREAMS] = edge, faces.invoker, streams
    app[ADMISSION], app[CAPACITY] = admission, faces.capacity
    called = [*streams.routes(), *rest.routes()]
    app.add_routes(called)
    app.add_routes(WebhookFace(faces.webhooks, faces.webhook_terms).routes())
    app.add_routes(_drop_ins(faces))
    app.add_routes(health.routes())
    app.add_routes([*documents, *_with_slash(called)])
    app.add_routes(Pages(address, described, health.state).routes())
    return app


def _health(faces: Faces, edge: Edge) -> Health:
    return Health(
        edge,
        faces.provider_reachable,
        faces.ledger_writable,
        faces.breaker_states,
        faces.render_metrics,
        faces.metrics_token,
        faces.hosts,
    )


def _with_slash(routes: Sequence[web.RouteDef]) -> list[web.RouteDef]:
    """The same routes with a slash at the end, which some platforms append."""
    return [web.route(r.method, f"{r.path}/", r.handler, **r.kwargs) for r in routes]


def _drop_ins(faces: Faces) -> list[web.RouteDef]:
    deliveries, unknown = Deliveries(faces.invoker), UnknownParameters()
    shared = faces.callers, faces.invoker, deliveries, faces.drop_ins, unknown
    getatext = Answering(*shared)
    return [
        *SmsActivateFace(*shared).routes(),
        *GetatextGetFace(getatext).routes(),
        *GetatextRestFace(getatext).routes(),
    ]


def _render(request: web.Request, error: GatewayError, trace_id: str) -> web.StreamResponse:
    """An error in the format of the face that the path belongs to."""
    path = canonical_path(request.path)
    if path in DIALECTS:
        return sms_activate.render(request, error)
    if path == get_face.PATH or path.startswith(rest_face.PREFIX):
        return answering.render(request, error)
    return problems.render(error, trace_id)
