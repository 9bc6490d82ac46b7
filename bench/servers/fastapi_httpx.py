"""The same read as most would write it: FastAPI, httpx and a pydantic model, on uvicorn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import fastapi
import httpx
import uvicorn
from pydantic import BaseModel

from bench.servers.running import KEEPALIVE, parser

_ZONE = ZoneInfo("America/New_York")


class Rental(BaseModel):
    """The clean rental."""

    id: int
    status: str
    service_name: str | None = None
    number: str | None = None
    code: str | None = None
    price: Decimal | None = None
    currency: str = "USD"
    balance: Decimal | None = None
    ends_at: datetime | None = None


class Proxy:
    """One route over one client."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._client: Any = None

    @asynccontextmanager
    async def opened(self, app: Any) -> AsyncIterator[None]:
        async with httpx.AsyncClient(base_url=self._upstream) as self._client:
            yield

    async def rental(
        self, rental_id: int, x_api_key: Annotated[str | None, fastapi.Header()] = None
    ) -> Rental:
        if not x_api_key:
            raise fastapi.HTTPException(401, "No key was sent.")
        answer = await self._client.post(
            "/api/v1/rental-status", json={"id": rental_id}, headers={"Auth": x_api_key}
        )
        if answer.status_code != 200:
            raise fastapi.HTTPException(502, "The provider failed.")
        return _clean(answer.json())


def _clean(fields: dict[str, Any]) -> Rental:
    return Rental(
        id=fields["id"],
        status=fields["status"],
        service_name=fields["service_name"],
        number=f"+1{fields['number']}",
        code=fields["code"],
        price=Decimal(fields["cost"]),
        balance=Decimal(fields["balance"]),
        ends_at=datetime.fromisoformat(fields["end_time"]).replace(tzinfo=_ZONE),
    )


def main() -> None:
    arguments = parser()
    arguments.add_argument("--upstream", required=True)
    given = arguments.parse_args()
    proxy = Proxy(given.upstream)
    app = fastapi.FastAPI(lifespan=proxy.opened)
    app.add_api_route("/v1/rentals/{rental_id}", proxy.rental)
    uvicorn.run(
        app,
        port=given.port,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=int(KEEPALIVE),
    )


if __name__ == "__main__":
    main()
