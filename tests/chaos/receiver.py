"""`python -m tests.chaos.receiver PORT FOLDER`: receives webhooks as their owner would.

A delivery is verified, and written down for good, before it is answered with success.
`secrets.json` in the folder has the secret of each path; `received.jsonl` gets what came.
"""

import argparse
import asyncio
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRETS, RECEIVED = "secrets.json", "received.jsonl"
_TOO_SOON, _HANGS, _TOO_LATE = 0.06, 0.07, 0.12  # of all: 500 at once; no answer; 500 for success


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes deliveries; `calm`: each is answered as it deserves, else some are not."""

    folder: Path
    file: int
    calm: bool

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        fate = 1.0 if self.calm else random.random()
        if fate < _TOO_SOON:
            return web.Response(status=500)
        headers = {name.lower(): value for name, value in request.headers.items()}
        good = self._verified(request.path, body, headers)
        self._keep(request.path, headers.get("webhook-id", ""), body, good)
        if fate < _HANGS:
            await asyncio.sleep(3600)
        if fate < _TOO_LATE:
            return web.Response(status=500)
        return web.Response(status=200 if good else 400)

    def _verified(self, path: str, body: bytes, headers: dict[str, str]) -> bool:
        secrets = json.loads((self.folder / SECRETS).read_text())
        try:
            Webhook(secrets[path]).verify(body, headers)
        except (KeyError, ValueError, WebhookVerificationError):
            return False
        return True

    def _keep(self, path: str, event: str, body: bytes, good: bool) -> None:
        row = {"path": path, "id": event, "body": body.decode(errors="replace"), "good": good}
        os.write(self.file, json.dumps(row).encode() + b"\n")
        os.fsync(self.file)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.receiver")
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calm", action="store_true")
    asked = parser.parse_args()
    file = os.open(asked.folder / RECEIVED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    app = web.Application()
    receiver = Receiver(asked.folder, file, asked.calm)
    app.router.add_post("/{path:.*}", receiver.take)
    web.run_app(app, host="127.0.0.1", port=asked.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
