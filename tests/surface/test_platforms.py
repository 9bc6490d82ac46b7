"""docs/platforms.md: every call in it is made as printed, and every name in it is one of ours."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from adapters.simulator import DEMO_KEY, NEVER, Rules
from gateway.core.model.callers import Limits
from gateway.core.operations.catalog import BY_NAME, CATALOG
from gateway.http.documents.face import ADDRESSES
from gateway.http.documents.openapi import document
from tests.support.contract import ROOT, committed, validator
from tests.support.documents import blocks
from tests.support.gateway import USUAL, Client, Stand, run_simulated
from tests.support.keys import make_key
from tests.support.waiting import until

TEXT = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8")
FIRST, *OTHERS = re.split(r"^## ", TEXT, flags=re.MULTILINE)
SECTIONS = {section.partition("\n")[0]: section for section in OTHERS}
COMMON = "What holds for all"
PUBLIC = "https://sms.example.com"
HOOK = "https://hook.example.com/abc"
PLATFORMS = [
    "Make", "Node-RED", "Dify", "GPT actions", "Open WebUI", "Retool", "Bubble", "Google Sheets",
]  # fmt: skip
# Names of the platforms' own.
THEIRS = {"order_id", "topic"}
SILENT = replace(USUAL, rules=Rules(code_after=NEVER, cancel_locked=0.0))
each_platform = pytest.mark.parametrize("platform", PLATFORMS)
each_section = pytest.mark.parametrize(
    "title", [title for title in SECTIONS if "```http" in SECTIONS[title]]
)


def requests(section: str) -> list[tuple[str, str, Any]]:
    """The calls that a section prints: method, address, body."""
    made = []
    for block in blocks(section, "http"):
        first, _, body = block.partition("\n")
        method, url = first.split(" ", 1)
        made.append((method, url, json.loads(body) if body.strip() else None))
    return made


def filled(text: str, value: str) -> str:
    """A text with what a platform puts in; Make and Retool write {{…}}, Bubble <…> and […]."""
    return re.sub(r"\{\{.*?\}\}|<\w+>|\[\w+\]", value, text)


@asynccontextmanager
async def with_key() -> AsyncIterator[tuple[Stand, Client]]:
    """A gateway before a silent provider, and who has a key of its own there."""
    networks = ["127.0.0.0/8"]
    async with run_simulated(
        SILENT, getatext_api_key=DEMO_KEY, gateway_webhook_allowed_networks=networks
    ) as stand:
        key = await make_key(stand.gateway, "a platform", Limits())
        yield stand, replace(stand.client, key=key)


async def play(stand: Stand, client: Client, section: str, hook: str) -> list[str]:
    """Make the calls of a section as printed; the states that the answers tell."""
    told, rental_id = [], 0
    for method, url, printed in requests(section):
        if url.endswith("/cancel"):  # which is in place of complete: of another number
            other = {"service_code": "telegram", "request_id": "another"}
            rental_id = (await client.post("/v1/rentals", other)).json["id"]
        if "/code?" in url:
            stand.sim.receive_code(rental_id, "048213")
        assert url.startswith(f"{PUBLIC}/")
        path = filled(url.removeprefix(PUBLIC), str(rental_id)).replace("12345", str(rental_id))
        body = printed and json.loads(filled(json.dumps(printed), "7").replace(HOOK, hook))
        answer = await client.ask(method, path, **({"json": body} if body else {}))
        assert answer.status in (200, 201), answer.body
        if path == "/v1/rentals":
            again = await client.ask(method, path, json=body)
            rental_id = answer.json["id"]
            assert again.body == answer.body
            assert again.headers["Idempotency-Replayed"] == "true"
        told.append(answer.json["status"])
    return told


@each_section
async def test_the_calls_do_what_the_page_says(title: str) -> None:
    async with with_key() as (stand, client):
        told = await play(stand, client, SECTIONS[title], "http://127.0.0.1:9/abc")
        rentals = (await client.get("/v1/rentals")).json["data"]

    expected = ["active", "received", "completed", "cancelled", "enabled"]
    assert told == [state for state in expected if state in told]
    assert told[0] == "active"
    assert len(rentals) == 1 + ("cancelled" in told)


async def test_what_a_webhook_sends_is_what_the_page_and_the_documents_say(
    aiohttp_server: AiohttpServer,
) -> None:
    async def hear(request: web.Request) -> web.Response:
        heard.append((request.headers.copy(), await request.json()))
        return web.Response()

    heard: list[tuple[Mapping[str, str], Any]] = []
    app = web.Application()
    app.add_routes([web.post("/abc", hear)])
    hook = str((await aiohttp_server(app)).make_url("/abc"))
    ((_, _, body),) = [
        asked for asked in requests(SECTIONS[COMMON]) if asked[1].endswith("webhooks")
    ]
    async with with_key() as (stand, client):
        await client.post("/v1/webhooks", {**body, "url": hook})
        rental = (await client.post("/v1/rentals", {"service_code": "whatsapp"})).json
        stand.sim.receive_code(rental["id"], "048213")
        await until(lambda: heard)
    headers, event = heard[0]
    promised = delivery()

    for parameter in promised["parameters"]:
        assert re.fullmatch(parameter["schema"]["pattern"], headers[parameter["name"]])
    (media,) = promised["requestBody"]["content"].values()
    assert list(validator(media["schema"]["$ref"]).iter_errors(event)) == []
    assert (event["id"], event["type"]) == (headers["webhook-id"], body["events"])
    assert (event["data"]["id"], event["data"]["code"]) == (rental["id"], "048213")


def test_the_first_line_says_what_platforms_in_the_cloud_need() -> None:
    first = TEXT.partition("\n")[0]

    assert "in the cloud need a public https address" in first
    assert "GATEWAY_PUBLIC_URL" in FIRST
    assert list(SECTIONS) == [COMMON, *PLATFORMS]


@each_platform
def test_each_says_how_the_key_and_a_name_of_the_purchase_go_in(platform: str) -> None:
    section = SECTIONS[platform]

    assert "X-API-Key" in section or "Bearer" in section
    assert "request_id" in section or "instructions above" in section.replace("\n", " ")
    assert re.search(r"wait_seconds=25|wait_seconds` 25|instructions\s+above", section)


def test_the_documents_that_are_imported_are_served() -> None:
    named = re.findall(rf"{PUBLIC}(/[\w.-]+\.(?:json|yaml))", TEXT)
    named += [f"/{name}" for name in re.findall(r"`([\w.-]+\.(?:json|yaml))`", TEXT)]

    assert len(named) >= 4
    assert set(named) <= ADDRESSES.keys()


def test_what_is_imported_is_within_the_limits_of_gpt_actions() -> None:
    """30 operations, 300 characters to describe one, 700 an input; a purchase is confirmed."""
    items = document()["paths"].values()
    entries = [entry for item in items for entry in item.values()]

    assert len(entries) <= 30
    for entry in entries:
        assert len(entry["description"]) <= 300
        for parameter in entry.get("parameters", ()):
            assert len(parameter["description"]) <= 700
        if "requestBody" in entry:
            assert entry["x-openai-isConsequential"]


def spans() -> set[str]:
    """What stands between backquotes outside the blocks of code."""
    prose = re.sub(r"^ *```\w*\n.*?^ *```", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    return {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)}


def our_names() -> set[str]:
    """The operations, their inputs, the fields and choices of answers, and the error codes."""
    names = set(BY_NAME)
    for op in CATALOG:
        names |= set(op.takes.model_fields)
        names |= {error.code for error in (*op.errors, *op.errors_besides)}
    for schema in committed()["components"]["schemas"].values():
        names |= set(schema.get("properties", {}))
        for field in [schema, *schema.get("properties", {}).values()]:
            names |= {choice for choice in field.get("enum", ()) if choice}
    return names | {parameter["name"] for parameter in delivery()["parameters"]}


def delivery() -> Any:
    create = committed()["paths"]["/v1/webhooks"]["post"]
    return create["callbacks"]["delivery"]["{$request.body#/url}"]["post"]


def test_the_names_in_it_exist() -> None:
    words = {span for span in spans() if re.fullmatch(r"[a-z]+([_-][a-z]+)*", span)}
    unknown = words - our_names() - THEIRS

    assert unknown == set()
    assert words >= {"rent_number", "request_id", "outcome_unknown", "webhook-signature", "secret"}


def test_the_paths_in_it_exist() -> None:
    routes = {(op.rest.method, op.rest.path) for op in CATALOG}
    named = [span.split(" ", 1) for span in spans() if re.match(r"(GET|POST|DELETE) /", span)]
    others = {span for span in spans() if span.startswith("/")}

    assert named
    assert {(method, path.partition("?")[0]) for method, path in named} <= routes
    assert others == {"/mcp"}


def scripts() -> list[tuple[str, str]]:
    """The platforms' scripts, with the platform."""
    return [(title, code) for title in SECTIONS for code in blocks(SECTIONS[title], "js")]


@pytest.mark.parametrize(("platform", "code"), scripts())
def test_a_script_calls_what_there_is_with_inputs_that_it_has(platform: str, code: str) -> None:
    """`make integrations` runs them."""
    paths = {(op.rest.method, re.sub(r"\{\w+\}", "*", op.rest.path)): op for op in CATALOG}
    called = re.findall(r'"(GET|POST|get|post)", [`"](/v1/[^`"?]+)(?:\?(\w+)=\d+)?[`"]', code)
    rented = set(re.findall(r"\b(service_code|max_price|\w*request\w*):", code))

    assert len(called) >= 3
    for method, path, name in called:
        op = paths[method.upper(), re.sub(r"\$\{[\w.]+\}", "*", path)]
        assert not name or name in op.takes.model_fields
    assert rented == {"service_code", "max_price", "request_id"}
    assert "wait_seconds=25" in code
    assert '"X-API-Key": ' in code
