"""The documents as they are served: to everybody, small, and only when they have changed."""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from pytest_aiohttp import AiohttpServer

from gateway.core.auth.hosts import AllowedHosts
from gateway.core.operations.account import GET_BALANCE
from gateway.core.operations.catalog import CATALOG
from gateway.core.operations.operation import Rest, Toolset
from gateway.http.documents.dialects import DIALECTS, to_json
from gateway.http.documents.face import ADDRESSES, Documents
from gateway.http.documents.openapi import TAGS, document
from gateway.http.wire.addresses import DEFAULT_URL, OwnAddress
from gateway.http.wire.edge import Handler
from tests.support.contract import Answer
from tests.support.gateway import Client, Stand, open_client, run_simulated

LIMIT = 90_000  # characters; importers stop at 100,000
each_address = pytest.mark.parametrize("path", ADDRESSES)


def server_of(document: dict[str, Any]) -> str:
    """The address of the gateway that a document names, whatever its dialect."""
    if "servers" in document:
        return str(document["servers"][0]["url"])
    (scheme,) = document["schemes"]
    return f"{scheme}://{document['host']}{document['basePath']}".rstrip("/")


@each_address
async def test_each_is_made_for_the_server_as_the_caller_reached_it(
    stand: Stand, path: str
) -> None:
    answer = await stand.client.ask("GET", path, key=None)
    made = DIALECTS[ADDRESSES[path]](document(stand.url))
    kind = "yaml" if path.endswith(".yaml") else "json"

    assert answer.status == 200
    assert answer.content_type == f"application/{kind}; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert yaml.safe_load(answer.body) == json.loads(json.dumps(made))
    assert server_of(yaml.safe_load(answer.body)) == stand.url


@each_address
async def test_each_is_small_enough_for_every_importer(client: Client, path: str) -> None:
    text = (await client.ask("GET", path, key=None)).body.decode()

    assert len(text) < LIMIT
    assert path.endswith(".yaml") or len(text.splitlines()) == 1
    assert path.endswith(".yaml") or text == to_json(json.loads(text))


@each_address
async def test_who_has_it_is_not_sent_it_again(client: Client, path: str) -> None:
    first = await client.ask("GET", path, key=None)
    tag = {"If-None-Match": first.headers["ETag"]}
    again = await client.ask("GET", path, key=None, headers=tag)
    elsewhere = await client.ask("GET", path, key=None, headers={**tag, "Host": "127.0.0.2"})

    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == "no-cache"
    assert elsewhere.status == 200
    assert elsewhere.headers["ETag"] != first.headers["ETag"]


@each_address
async def test_the_head_is_that_of_the_document(client: Client, path: str) -> None:
    whole = await client.ask("GET", path, key=None)
    head = await client.ask("HEAD", path, key=None)

    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag"):
        assert head.headers[name] == whole.headers[name]


@each_address
async def test_it_comes_compressed_to_who_takes_that(client: Client, path: str) -> None:
    plain = await client.ask("GET", path, key=None)
    packed = await client.ask("GET", path, key=None, headers={"Accept-Encoding": "gzip"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) * 4 < len(plain.body)


@each_address
async def test_the_public_address_is_named_where_one_is_set(path: str) -> None:
    async with run_simulated(gateway_public_url="https://sms.example.com/") as stand:
        answer = await stand.client.get(path)

    assert server_of(yaml.safe_load(answer.body)) == "https://sms.example.com"


@each_address
async def test_only_names_that_are_ours_are_repeated(path: str) -> None:
    async with run_simulated(gateway_allowed_hosts=["sms.example.com"]) as stand:
        answers = [
            yaml.safe_load((await stand.client.ask("GET", path, headers={"Host": host})).body)
            for host in ("sms.example.com:81", "evil.example.com", "sms.example.com@evil.net")
        ]

    assert [server_of(answer) for answer in answers] == [
        "http://sms.example.com:81",
        DEFAULT_URL,
        DEFAULT_URL,
    ]


HOSTS = ["sms.example.com", "[::1]:8080", "a b", "[::1", 'x"y', "", "x:99999999", "\u00e9"]


@each_address
@pytest.mark.parametrize("host", HOSTS)
async def test_no_host_header_breaks_them(client: Client, path: str, host: str) -> None:
    answer = await client.ask("GET", path, headers={"Host": host})
    read = yaml.safe_load(answer.body)

    assert answer.status == 200
    assert read.get("schemes") == ["http"] or read["servers"][0]["url"].startswith("http://")


# An operation as operators get them: with a tag that callers have no use for.
LIST_SECRETS = replace(
    GET_BALANCE,
    name="list_secrets",
    rest=Rest("GET", "/v1/secrets"),
    toolset=cast("Toolset", "secrets"),
)


@pytest.fixture
async def wider(aiohttp_server: AiohttpServer) -> AsyncIterator[Client]:
    """A client of documents with that operation among the others."""

    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        response.headers["X-Request-Id"] = "any"
        return response

    address = OwnAddress("https://a.example.com", AllowedHosts())
    documents = Documents(address, (*CATALOG, LIST_SECRETS))
    app = web.Application(middlewares=[edge])
    app.add_routes(documents.routes())
    server = await aiohttp_server(app)
    async with open_client(str(server.make_url("")).rstrip("/")) as client:
        yield client


def named(answer: Answer) -> set[str]:
    """The ids of the operations in a document."""
    items = yaml.safe_load(answer.body)["paths"].values()
    entries = [entry for item in items for kind, entry in item.items() if not kind.startswith("x-")]
    return {entry["operationId"] for entry in entries}


@each_address
async def test_what_only_operators_use_stands_in_the_whole_document_alone(
    wider: Client, path: str
) -> None:
    usual = await wider.ask("GET", path, key=None)
    whole = await wider.ask("GET", path, key=None, params={"scope": "all"})

    further = {op.name for op in CATALOG if op.toolset not in TAGS} | {"list_secrets"}
    assert named(usual) == {op.name for op in CATALOG if op.toolset in TAGS} | {"stream_events"}
    assert named(whole) == named(usual) | further
    assert "create_webhook" in further
    assert b"secrets" not in usual.body
    assert not [tag for tag in (b"v1/webhooks", b"callbacks", b"x-ms-trigger") if tag in usual.body]
    assert usual.headers["ETag"] != whole.headers["ETag"]


@each_address
@pytest.mark.parametrize("scope", ["some", "", "ALL"])
async def test_another_scope_is_refused_with_what_to_send(
    client: Client, path: str, scope: str
) -> None:
    answer = await client.ask("GET", path, key=None, params={"scope": scope})

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")
    assert "scope: must be all, or be left out" in answer.json["detail"]


async def test_documents_for_any_number_of_addresses_take_bounded_memory(client: Client) -> None:
    documents = Documents(OwnAddress("", AllowedHosts()))
    (handle,) = (route.handler for route in documents.routes() if route.path == "/swagger.json")
    for number in range(100):
        request = make_mocked_request("GET", "/swagger.json", {"Host": f"127.0.0.{number}"})
        await handle(request)

    assert len(documents._bodies) <= 32


async def test_every_described_address_is_served(stand: Stand) -> None:
    served = {
        (route.method, route.resource.canonical)
        for route in stand.app.router.routes()
        if route.resource
    }
    described = {
        (method.upper(), path)
        for path, item in document(whole=True)["paths"].items()
        for method in item
    }

    assert described <= served
