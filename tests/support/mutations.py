"""Makes bodies a provider might send one bad day, the same ones for the same seed."""

import copy
import json
import random
from typing import Any

from tests.support.samples import ASKS
from tests.support.scripted import Act, Said, reply

ODD: list[Any] = [
    None, "null", "", " ", "NULL", True, False, 0, -1, 1, 0.1, 1e308, 2**63, 2**63 - 1, 10**30,
    "0.1", "1e5", "-0.55", "1_000", "\uff11", "NaN", "Infinity", "012345", 12345, "12345", "\0",
    "a\nb", "\u202e", "\U0001f600", "\ud800", "x" * 300, [], {}, [[]], [None], {"id": 1},
    {"a": {"b": []}}, "2025-07-06 15:43:37", "2025-02-30 00:00:00", "9999-12-31 23:59:59",
    "0001-01-01", "2025-07-06T15:43:37-99:00", "success", "active", "Cancelled", "Rental not found",
    "out of stock", "wait 5 minutes", "maintenance", ["a", "b"], {"service": ["is wrong"]},
    "+1 (123) 456-7890", "11234567890", 1234567890, "https://www.example.com/", "true",
]  # fmt: skip
NAMES = ["errors", "error", "message", "detail", "status", "id", "code", "rental", "long_rental",
         "prices", "data", "success", "number", "price", "cost", "balance", "\0", ""]  # fmt: skip
STATUSES = [200] * 12 + [201] * 6 + [
    202, 204, 206, 299, 301, 302, 304, 307, 400, 400, 400, 401, 403, 404, 404, 405, 408, 409, 418,
    422, 429, 429, 451, 499, 500, 502, 503, 504, 520, 599, 600, 999,
]  # fmt: skip
TYPES = ["application/json"] * 6 + ["text/html", "text/plain", "", "application/octet-stream", "?"]
BYTES = [b"", b"null", b"[]", b"{}", b"0", b'""', b"<html></html>", b"\xef\xbb\xbf{}", b"\xff\xfe",
         b"[" * 3000, b'{"a":' * 500, b"{" * 10, b"NaN", b"1e999999", b"\0" * 10]  # fmt: skip
WAITS = ["0", "1", "7.5", "-1", "soon", "99999999999999999999", "Wed, 21 Oct 2015 07:28:00 GMT"]


class Mutations:
    """An endless supply of provider's answers; `made` is how many so far."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.made = 0

    def operation(self) -> str:
        """Any operation."""
        return self._rng.choice(list(ASKS))

    def answer(self, name: str) -> Said:
        """What the provider says to an operation this time."""
        self.made += 1
        chance = self._rng.random()
        if chance < 0.01:
            return Act.DROP
        status = ASKS[name].status if chance < 0.5 else self._rng.choice(STATUSES)
        raw = self._bytes(name)
        if status in (204, 304):
            return f"HTTP/1.1 {status} None\r\n\r\n".encode()
        headers = {}
        if self._rng.random() < 0.1:
            headers["Retry_After"] = self._rng.choice(WAITS)
        if self._rng.random() < 0.02:
            headers["Content_Encoding"] = self._rng.choice(["gzip", "br", "identity", "x"])
        whole = reply(status, raw, self._rng.choice(TYPES), **headers)
        if self._rng.random() < 0.02:
            return b"Connection: close".join(
                whole.replace(b"Content-Length", b"X-Length", 1).split(b"X-Length: %d" % len(raw))
            )
        return whole

    def _bytes(self, name: str) -> bytes:
        rng = self._rng
        other = rng.choice(list(ASKS)) if rng.random() < 0.05 else name
        body: Any = copy.deepcopy(ASKS[other].body)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 5))):
            body = self._changed(body)
        raw = json.dumps(body, ensure_ascii=rng.random() < 0.7).encode(errors="surrogatepass")
        return self._damaged(raw) if rng.random() < 0.15 else raw

    def _changed(self, body: Any) -> Any:
        rng = self._rng
        if not isinstance(body, dict | list) or not body or rng.random() < 0.03:
            return rng.choice([[body], {"data": body}, {"rental": body}, rng.choice(ODD)])
        key = rng.choice(list(body)) if isinstance(body, dict) else rng.randrange(len(body))
        if isinstance(body[key], dict | list) and rng.random() < 0.7:
            body[key] = self._changed(body[key])
        elif rng.random() < 0.7:
            body[key] = copy.deepcopy(rng.choice(ODD))
        elif rng.random() < 0.5:
            del body[key]
        elif isinstance(body, dict):
            body[rng.choice(NAMES)] = copy.deepcopy(rng.choice(ODD))
        else:
            body.append(copy.deepcopy(rng.choice([*body, *ODD])))
        return body

    def _damaged(self, raw: bytes) -> bytes:
        rng, cut = self._rng, self._rng.randrange(len(raw) + 1)
        return rng.choice(
            [
                raw[:cut],
                raw[:cut] + bytes([rng.randrange(256)]) + raw[cut:],
                raw[:cut] + bytes([rng.randrange(256)]) + raw[cut + 1 :],
                raw + raw,
                b"\xef\xbb\xbf" + raw,
                raw.replace(b'"', b"'"),
                rng.choice(BYTES),
            ]
        )
