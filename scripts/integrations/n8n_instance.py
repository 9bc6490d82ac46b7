"""An n8n without a screen, on loopback, with a database of its own; asked as its editor asks it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import aiohttp

from scripts.integrations.stand import Stand
from tests.support.postgres import running

STARTING = 300.0
# n8n sets triggers up and takes them down after it has answered.
PUBLISHING = 60.0
OWNER = {
    "email": "owner@n8n.example",
    "firstName": "Own",
    "lastName": "Er",
    "password": "Correct-horse-1",
}
ENDED = ("success", "error", "crashed", "canceled")


def started_by(path: str) -> dict[str, Any]:
    """n8n's own webhook, which starts a workflow when it is called."""
    return {
        "id": str(uuid4()),
        "name": "Start",
        "type": "n8n-nodes-base.webhook",
        "typeVersion": 2,
        "position": [0, 0],
        "webhookId": str(uuid4()),
        "parameters": {"httpMethod": "POST", "path": path, "responseMode": "onReceived"},
    }


def split() -> dict[str, Any]:
    """Makes an item of each entry of the list that the call brought."""
    return {
        "id": str(uuid4()),
        "name": "Split",
        "type": "n8n-nodes-base.splitOut",
        "typeVersion": 1,
        "position": [0, 0],
        "parameters": {"fieldToSplitOut": "body.list", "options": {}},
    }


class N8n:
    """A running n8n, and its owner's session."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session
        self.credential: dict[str, Any] = {}

    async def rest(self, method: str, path: str, body: object = None) -> Any:
        """What n8n answers its editor; RuntimeError where it refuses."""
        async with self.session.request(method, f"{self.url}/rest{path}", json=body) as answer:
            text = await answer.text()
        if not answer.ok:
            raise RuntimeError(f"n8n: {method} {path}: {answer.status} {text[:500]}")
        return json.loads(text)["data"]

    async def add(self, name: str, nodes: Sequence[dict[str, Any]]) -> str:
        """The id of a new workflow whose nodes follow one another."""
        names = [node["name"] for node in nodes]
        follows = {
            before: {"main": [[{"node": after, "type": "main", "index": 0}]]}
            for before, after in pairwise(names)
        }
        body = {"name": name, "nodes": nodes, "connections": follows, "settings": {}}
        return str((await self.rest("POST", "/workflows", body))["id"])

    async def workflow(self, workflow_id: str) -> Any:
        """A workflow as it stands, with what its nodes keep."""
        return await self.rest("GET", f"/workflows/{workflow_id}")

    async def activate(self, workflow_id: str) -> None:
        """Publish a workflow: its triggers are set up soon."""
        version = (await self.workflow(workflow_id))["versionId"]
        body = {"versionId": version, "name": "", "description": ""}
        await self.rest("POST", f"/workflows/{workflow_id}/activate", body)

    async def deactivate(self, workflow_id: str) -> None:
        """Take a workflow back: its triggers are taken down soon."""
        await self.rest("POST", f"/workflows/{workflow_id}/deactivate", {})

    async def executions(self, workflow_id: str) -> list[dict[str, Any]]:
        """The executions of a workflow, newest first."""
        asked = json.dumps({"workflowId": workflow_id})
        found = await self.rest("GET", f"/executions?filter={asked}&limit=50")
        return list(found["results"])

    async def ended(self, workflow_id: str, count: int = 1) -> tuple[str, str]:
        """Status and data, as text, of the newest execution, once so many have ended."""
        async with asyncio.timeout(120):
            while True:
                found = await self.executions(workflow_id)
                if len(found) >= count and all(each["status"] in ENDED for each in found):
                    newest = await self.rest("GET", f"/executions/{found[0]['id']}")
                    return str(newest["status"]), str(newest["data"])
                await asyncio.sleep(0.3)

    async def call(self, path: str, body: object) -> None:
        """Start a workflow through its own webhook, once n8n has set that up."""
        async with asyncio.timeout(PUBLISHING):
            while True:
                async with self.session.post(f"{self.url}/webhook/{path}", json=body) as answer:
                    if answer.ok:
                        return
                    if answer.status != 404:
                        raise RuntimeError(f"n8n: {path}: {answer.status} {await answer.text()}")
                await asyncio.sleep(0.3)


@asynccontextmanager
async def n8n(stand: Stand, package: Path) -> AsyncIterator[N8n]:
    """n8n with a package of nodes, until the end of the block."""
    with running() as postgres, postgres.database("template1") as database:
        port, url = await _started_at()
        env = stand.env | _env(stand, package, port) | _database(database)
        log = stand.home / "n8n.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *("node", stand.tools / "node_modules" / "n8n" / "bin" / "n8n", "start"),
                cwd=stand.home,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
            # n8n sets its cookie for its own address, a number.
            jar = aiohttp.CookieJar(unsafe=True)
            try:
                async with aiohttp.ClientSession(cookie_jar=jar) as session:
                    await _ready(process, session, url, log)
                    instance = N8n(url, session)
                    await instance.rest("POST", "/owner/setup", OWNER)
                    yield instance
            finally:
                if process.returncode is None:
                    process.terminate()
                await process.wait()


async def _started_at() -> tuple[int, str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    return port, f"http://127.0.0.1:{port}"


def node_of(tools: Path) -> Path | None:
    """The folder of the Node that the tools bring; None where they bring none for this machine."""
    return next((found.parent for found in tools.glob("node_modules/node-*/bin/node")), None)


def _env(stand: Stand, package: Path, port: int) -> dict[str, str]:
    node = node_of(stand.tools)
    return {
        "PATH": f"{node}:{stand.env['PATH']}" if node else stand.env["PATH"],
        "N8N_USER_FOLDER": str(stand.home),
        "N8N_CUSTOM_EXTENSIONS": str(package),
        "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_PORT": str(port),
        "WEBHOOK_URL": f"http://127.0.0.1:{port}/",
        "N8N_RUNNERS_BROKER_PORT": "0",
        "N8N_SECURE_COOKIE": "false",
        "N8N_DIAGNOSTICS_ENABLED": "false",
        "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
        "N8N_TEMPLATES_ENABLED": "false",
        "N8N_PERSONALIZATION_ENABLED": "false",
        "N8N_LICENSE_AUTO_RENEW_ENABLED": "false",
    }


def _database(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    hosts = parse_qs(parts.query).get("host", [parts.hostname or "127.0.0.1"])
    return {
        "DB_TYPE": "postgresdb",
        "DB_POSTGRESDB_HOST": hosts[0],
        "DB_POSTGRESDB_PORT": str(parts.port or 5432),
        "DB_POSTGRESDB_DATABASE": parts.path.lstrip("/"),
        "DB_POSTGRESDB_USER": parts.username or "postgres",
        "DB_POSTGRESDB_PASSWORD": parts.password or "",
    }


async def _ready(
    process: asyncio.subprocess.Process, session: aiohttp.ClientSession, url: str, log: Path
) -> None:
    async with asyncio.timeout(STARTING):
        while True:
            if process.returncode is not None:
                told = await asyncio.to_thread(log.read_text)
                raise RuntimeError(f"n8n did not start: {told[-2000:]}")
            try:
                async with session.get(f"{url}/rest/settings") as answer:
                    if answer.ok and answer.content_type == "application/json":
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.5)
