"""The pages for people, and what a program is told at /."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import brotli
import pytest

from gateway.http.pages.accept import prefers_html
from gateway.http.pages.files import FILES
from gateway.http.serving.app import EDGE
from scripts import acceptable_use
from tests.http.test_requests import raw
from tests.mcp.support import run_mcp
from tests.support.contract import PROBLEM_JSON, Answer
from tests.support.gateway import Client, Stand, open_client, run_gateway, run_simulated

VENDORED = Path(__file__).resolve().parents[2] / "gateway" / "http" / "pages" / "swagger_ui"
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
KEY = "sk_live_0b5f9c8e4d3a"
PAGES = ["/", "/docs", "/console", "/acceptable-use"]
GUARDS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def page(client: Client, path: str, method: str = "GET", **headers: str) -> Answer:
    return await client.ask(method, path, headers={**HTML, **headers}, key=None)


@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_html_under_a_strict_policy(client: Client, path: str) -> None:
    answer = await page(client, path)
    text = answer.body.decode()
    policy = dict(
        part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
    )

    assert (answer.status, answer.content_type) == (200, "text/html; charset=utf-8")
    assert {name: answer.headers[name] for name in GUARDS} == GUARDS
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' data:"
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", text)
    assert "$" not in text.replace("$KEY", "").replace("$ADMIN_KEY", "")


@pytest.mark.parametrize("path", PAGES[1:])
async def test_a_slash_at_the_end_leads_to_the_page(client: Client, path: str) -> None:
    answer = await client.ask("GET", f"{path}/?api_key={KEY}", key=None, allow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (308, f"..{path}")
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", [*PAGES, *FILES])
async def test_head_of_a_page_or_a_file_has_no_body(client: Client, path: str) -> None:
    head, got = await page(client, path, "HEAD"), await page(client, path)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert head.content_type == got.content_type


async def test_every_address_that_the_page_names_is_one() -> None:
    async with run_mcp() as stand, open_client(stand.url) as client:
        text = (await page(client, "/")).body.decode()
        links = [link for link in re.findall(r'href="([^"]+)"', text) if "://" not in link]
        named = re.findall(rf"<code>{re.escape(stand.url)}(/[^<]+)</code>", text)
        followed = [(await client.ask("GET", f"/{link}", key=None)).status for link in links]
        statuses = {path: (await client.ask("POST", path)).status for path in named}

    assert {"docs", "openapi.json", "acceptable-use", "favicon.ico"} <= set(links)
    assert set(followed) == {200}
    old = ["/stubs/handler_api.php", "/daisysms/stubs/handler_api.php", "/stubs/handler_api"]
    assert named == ["/v1", "/mcp", *old, "/api/v1"]
    assert statuses["/stubs/handler_api.php"] == 200
    assert statuses["/mcp"] not in (404, 405)


async def test_the_calls_to_paste_are_for_this_address_and_work(stand: Stand) -> None:
    text = (await page(stand.client, "/")).body.decode()
    lines = re.findall(r"'(http://[^']+)'", text)

    assert all(line.startswith(stand.url) for line in lines)
    for path in ("/v1/prices?query=whatsapp", "/v1/balance"):
        assert f"{stand.url}{path}" in lines
        assert (await stand.client.ask("GET", path)).status == 200
    body = re.search(r"-d '([^']+)'", text)
    assert body
    assert (
        await stand.client.post("/v1/rentals", json.loads(body[1].replace("&quot;", '"')))
    ).status == 201


HOSTS = [
    ("localhost:81", "http://localhost:81"),
    ("[::1]:8080", "http://[::1]:8080"),
    ("evil.example", "http://127.0.0.1:8080"),
    ('x"><script>alert(1)</script>', "http://127.0.0.1:8080"),
    ("gateway.example", "http://gateway.example"),
]


@pytest.mark.parametrize(("host", "base"), HOSTS)
async def test_only_an_allowed_host_is_shown(host: str, base: str) -> None:
    async with run_simulated(gateway_allowed_hosts=["gateway.example"]) as stand:
        answer = await raw(
            stand.client,
            "GET / HTTP/1.1",
            f"Host: {host}",
            "Accept: text/html",
            "Connection: close",
        )

    assert f"<code>{base}/v1</code>".encode() in answer
    assert b"evil" not in answer
    assert b"alert" not in answer


async def test_the_public_url_is_shown_escaped() -> None:
    async with run_simulated(gateway_public_url="https://sms.example.com/a&b") as stand:
        text = (await page(stand.client, "/")).body.decode()
        told = (await stand.client.ask("GET", "/", key=None)).json

    assert "<code>https://sms.example.com/a&amp;b/v1</code>" in text
    assert told["rest"] == "https://sms.example.com/a&b/v1"


async def test_a_program_is_told_the_same_as_json(stand: Stand) -> None:
    answer = await stand.client.ask("GET", "/", headers={"Accept": "*/*"}, key=None)
    told = answer.json

    assert answer.content_type == "application/json; charset=utf-8"
    assert answer.headers["Vary"] == "Accept"
    assert (told["name"], told["status"]) == ("Getatext Gateway", "ready")
    assert told["rest"] == f"{stand.url}/v1"
    assert f"{stand.url}/openapi.json" in told["documents"]


ACCEPTS: list[tuple[list[str], bool]] = [
    ([HTML["Accept"]], True),
    (["text/html"], True),
    (["TEXT/HTML;q=0.5"], True),
    (["text/*"], True),
    (["text/html, */*"], True),
    (["application/json", "text/html;q=0.9"], False),
    (["application/json;q=0.2, text/html;q=0.3"], True),
    (["text/html, application/json"], False),
    (["text/html;q=0.9, */*"], False),
    (["text/html;level=1;q=0.4, application/json;q=0.3"], True),
    (["text/html;q=0"], False),
    (["text/html;q=nan"], False),
    (["text/html;q=9"], False),
    (["application/json, text/plain, */*"], False),
    (["*/*"], False),
    (["image/png"], False),
    ([""], False),
    ([";;,,q=1"], False),
    ([], False),
]


@pytest.mark.parametrize(("accept", "html"), ACCEPTS)
def test_who_names_html_gets_the_page_and_any_other_json(accept: list[str], html: bool) -> None:
    assert prefers_html(accept) is html


async def test_the_page_says_what_does_not_work(stand: Stand) -> None:
    ready = (await page(stand.client, "/")).body
    stand.app[EDGE].draining = True
    draining = await page(stand.client, "/")
    async with run_gateway("http://127.0.0.1:9") as alone:
        degraded = (await page(alone.client, "/")).body

    assert b'class="state ready">It works' in ready
    assert draining.status == 200
    assert b'class="state draining">It is shutting down' in draining.body
    assert b'class="state degraded">It runs, but the provider cannot be reached' in degraded


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_a_key_in_the_address_is_neither_logged_nor_said(
    path: str, accept: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with run_simulated(gateway_access_log=True) as stand:
        answer = await page(stand.client, f"{path}?api_key={KEY}", Accept=accept)
    logged = capsys.readouterr()

    assert answer.status == 200
    assert KEY.encode() not in answer.body
    assert KEY not in str(answer.headers)
    assert path in logged.out + logged.err
    assert KEY not in logged.out + logged.err


@pytest.mark.parametrize("path", FILES)
async def test_files_are_whole_in_every_encoding_and_known_again(client: Client, path: str) -> None:
    plain = await client.ask("GET", path, key=None)
    zipped = await client.ask("GET", path, headers={"Accept-Encoding": "gzip"}, key=None)
    squeezed = await client.ask("GET", path, headers={"Accept-Encoding": "br"}, key=None)
    known = {"If-None-Match": plain.headers["ETag"]}
    again = await client.ask("GET", path, headers=known, key=None)
    small = len(plain.body) < 1024

    assert plain.body == FILES[path].read_bytes()
    assert (zipped.body if small else gzip.decompress(zipped.body)) == plain.body
    assert (squeezed.body if small else brotli.decompress(squeezed.body)) == plain.body
    assert (again.status, again.body) == (304, b"")
    assert plain.headers["Cache-Control"] == "no-cache"
    assert plain.headers["X-Content-Type-Options"] == "nosniff"


NO_FILES = ["/assets/", "/assets/manifest.json", "/assets/../own/page.css", "/assets/LICENSE",
            "/assets/%2e%2e/face.py", "/assets/..%2fface.py", "/assets/page.css/"]  # fmt: skip


@pytest.mark.parametrize("path", NO_FILES)
async def test_only_the_listed_files_are_served(client: Client, path: str) -> None:
    answer = await client.ask("GET", path, key=None)

    assert (answer.status, answer.content_type) == (404, PROBLEM_JSON)


def test_the_viewers_files_are_those_of_its_release() -> None:
    manifest: dict[str, Any] = json.loads((VENDORED / "manifest.json").read_text())
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDORED.iterdir()
        if path.name != "manifest.json"
    }

    assert found == manifest["sha256"]
    assert (manifest["package"], manifest["licence"]) == ("swagger-ui-dist", "Apache-2.0")
    assert {path.name for path in FILES.values() if path.parent == VENDORED} < set(found)


def test_the_page_of_the_acceptable_use_is_that_of_the_docs() -> None:
    assert acceptable_use.COMMITTED.read_text(encoding="utf-8") == acceptable_use.page()


def test_the_files_are_not_read_before_they_are_asked_for() -> None:
    program = (
        "import sys\n"
        "sys.addaudithook(lambda event, args: event == 'open' and isinstance(args[0], str)"
        " and '/pages/' in args[0] and not args[0].endswith(('.py', '.pyc')) and sys.exit(1))\n"
        "import gateway.http.serving.app, gateway.cli.main\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=VENDORED.parents[3], timeout=60)
