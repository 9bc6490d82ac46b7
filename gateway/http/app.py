"""Puts the faces together into one application."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from gateway.core.callers import Callers
from gateway.core.invoke import Invoker
from gateway.http.documents import Documents
from gateway.http.edge import Edge
from gateway.http.health import Health
from gateway.http.inputs import MAX_BODY
from gateway.http.rest import RestFace

EDGE = web.AppKey("edge", Edge)
INVOKER = web.AppKey("invoker", Invoker)


@dataclass(frozen=True, slots=True)
class Faces:
    """What the faces work with; `public_url` "" means: as the caller reached us."""

    callers: Callers
    invoker: Invoker
    render_metrics: Callable[[], bytes]
    provider_reachable: Callable[[], Awaitable[bool]]
    public_url: str = ""
    metrics_token: str | None = None
    access_log: bool = True


def make_app(faces: Faces) -> web.Application:
    """The application with all its routes."""
    rest = RestFace(faces.callers, faces.invoker)
    edge = Edge(rest.guard, access_log=faces.access_log)
    health = Health(edge, faces.provider_reachable, faces.render_metrics, faces.metrics_token)
    app = web.Application(middlewares=[edge.middleware()], client_max_size=MAX_BODY)
    app[EDGE], app[INVOKER] = edge, faces.invoker
    app.add_routes(rest.routes())
    app.add_routes(health.routes())
    app.add_routes(Documents(faces.public_url).routes())
    return app
