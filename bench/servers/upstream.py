"""A provider without latency: prepared answers, so that it costs less than what is measured."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import cast

from bench.servers.running import parser, run

ROWS = 450
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb"\d+")
_STATUS_TAIL = (
    b',"status":"active","code":null,"errors":null,"end_time":"2025-07-06 15:43:37",'
    b'"number":"1234567890","service_name":"Whatsapp","cost":"0.55","balance":"%d.32"}'
)
_RENT_TAIL = (
    b',"status":"success","message":"Number rented successfully.","errors":null,'
    b'"end_time":"2025-07-06 15:43:37","number":"1234567890","service_name":"Whatsapp",'
    b'"price":"0.55","new_balance":"113.32"}'
)


def status_body(rental_id: bytes, balance: int = 113) -> bytes:
    return b'{"id":' + rental_id + _STATUS_TAIL % balance


def rent_body(rental_id: int) -> bytes:
    return b'{"id":%d' % rental_id + _RENT_TAIL


def prices_body() -> bytes:
    rows = [
        {
            "service_name": f"Service {number} of {name}",
            "api_name": f"{name.lower()}_{number}",
            "multiple_sms": "true" if number % 7 == 0 else "false",
            "price": f"{(number * 37 % 400 + 15) / 100:.2f}",
            "ttl": 5 + number % 4 * 5,
            "stock": number * 7919 % 1500,
        }
        for number in range(ROWS)
        for name in (("Market", "Wallet", "Courier", "Forum", "Player")[number % 5],)
    ]
    return json.dumps({"status": "success", "errors": None, "prices": rows}).encode()


def _http(body: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


class _Provider(asyncio.Protocol):
    """`news`: whether the balance is another one in every answer."""

    prices = _http(prices_body())
    news = False
    answers = 0
    rented = count(1)

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._buffer += data
        while (end := self._buffer.find(_END)) >= 0:
            head = bytes(self._buffer[:end])
            length = _LENGTH.search(head)
            until = end + len(_END) + (int(length[1]) if length else 0)
            if len(self._buffer) < until:
                return
            body = bytes(self._buffer[end + len(_END) : until])
            del self._buffer[:until]
            self._transport.write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if b"prices-info" in head[:100]:
            return self.prices
        if b"rent-a-number" in head[:100]:
            return _http(rent_body(next(self.rented)), b"201 Created")
        asked = _ID.search(body)
        self._count()
        balance = 100 + self.answers % 900 if self.news else 113
        return _http(status_body(asked[0] if asked else b"12345", balance))

    @classmethod
    def _count(cls) -> None:
        cls.answers += 1


def main() -> None:
    arguments = parser()
    arguments.add_argument("--news", action="store_true", help="another balance in every answer")
    arguments.add_argument("--first", type=int, default=1, help="the id of the first rental")
    given = arguments.parse_args()
    _Provider.news, _Provider.rented = given.news, count(given.first)
    port = given.port

    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        server = await asyncio.get_running_loop().create_server(_Provider, "127.0.0.1", port)
        async with server:
            yield

    run(opened)


if __name__ == "__main__":
    main()
