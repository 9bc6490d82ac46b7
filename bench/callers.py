"""The calls of one key: the same three that growth, nodes and a rent's delay are measured by."""

from collections.abc import Callable, Sequence

from bench.load import get, post
from bench.million import CALLERS_KEY

CALLS = {"read": 200, "rent": 201, "getStatus": 200}
"""What each is answered with."""


def request_of(call: str, rented: Sequence[int]) -> Callable[[int], bytes]:
    """The requests of a call, by number; reads take the rentals in turn."""

    def read(number: int) -> bytes:
        return get(f"/v1/rentals/{rented[number % len(rented)]}", X_API_Key=CALLERS_KEY)

    def buy(number: int) -> bytes:
        body = f'{{"service_code":"market_0","request_id":"order-{number}"}}'
        return post("/v1/rentals", body.encode(), X_API_Key=CALLERS_KEY)

    def status(number: int) -> bytes:
        query = f"api_key={CALLERS_KEY}&action=getStatus&id={rented[0]}"
        return get(f"/stubs/handler_api.php?{query}")

    return {"read": read, "rent": buy, "getStatus": status}[call]
