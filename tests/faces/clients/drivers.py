"""Real clients of the GET protocol, each pointed at the gateway and driven in its own words.

Every client is used as it is installed; only its address is changed. A refusal is told by its
token, whatever the client makes of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from typing import Any, Protocol

import pytest

from tests.faces.clients.npm_driver import Npm, Refused, is_installed

NPM = "npm "
Number = tuple[str, str]
"""The id and the number, as text."""


class Driver(Protocol):
    """What a tool does with a client."""

    async def balance(self) -> float: ...
    async def price(self) -> float | None: ...
    async def buy(self, service: str) -> Number: ...
    async def code(self, rental_id: str) -> str | None: ...
    async def done(self, rental_id: str) -> str: ...
    async def cancel(self, rental_id: str) -> str: ...


class SmsActivate:
    """smsactivate: requests, GET; an error comes back as an object."""

    def __init__(self, url: str, key: str) -> None:
        self._api = import_module("smsactivate.api").SMSActivateAPI(key)
        self._api._SMSActivateAPI__api_url = url

    async def balance(self) -> float:
        return float((await self._do(self._api.getBalance))["balance"])

    async def price(self) -> float:
        prices = await self._do(self._api.getPrices, service="wa", country="187")
        return float(prices["187"]["wa"]["cost"])

    async def buy(self, service: str) -> Number:
        bought = await self._do(self._api.getNumber, service=service, country=187)
        return str(bought["activation_id"]), str(bought["phone"])

    async def code(self, rental_id: str) -> str | None:
        status = await self._do(self._api.getStatus, id=rental_id)
        return status.split(":")[1] if status.startswith("STATUS_OK") else None

    async def done(self, rental_id: str) -> str:
        return str(await self._do(self._api.setStatus, id=rental_id, status=6))

    async def cancel(self, rental_id: str) -> str:
        return str(await self._do(self._api.setStatus, id=rental_id, status=8))

    async def _do(self, call: Callable[..., Any], **given: Any) -> Any:
        answer = await asyncio.to_thread(call, **given)
        if isinstance(answer, dict) and "error" in answer:
            raise Refused(answer["error"])
        return answer


class AioSmsActivate:
    """aiosmsactivate: aiohttp, POST, the second versions of actions."""

    def __init__(self, url: str, key: str) -> None:
        module = import_module("aiosmsactivate")
        self._api = module.SmsActivate(key, base_url=url)
        self._error = import_module("aiosmsactivate.exceptions").SmsActivateException

    async def balance(self) -> float:
        return float(await self._do(self._api.get_balance()))

    async def price(self) -> float:
        prices = await self._do(self._api.get_prices("wa", 187))
        return float(prices["187"]["wa"]["cost"])

    async def buy(self, service: str) -> Number:
        number = await self._do(self._api.purchase(service, country=187, maxPrice=1.5))
        return str(number.activation_id), number.phone_number

    async def code(self, rental_id: str) -> str | None:
        known = await self._do(self._api.get_activation_status(rental_id))
        return known.sms.code if known.sms else None

    async def done(self, rental_id: str) -> str:
        return str((await self._do(self._api.set_activation_status(rental_id, 6))).value)

    async def cancel(self, rental_id: str) -> str:
        return str((await self._do(self._api.set_activation_status(rental_id, 8))).value)

    async def _do(self, call: Any) -> Any:
        try:
            return await call
        except self._error as error:
            raise Refused(error.code) from None


class PySmsHub:
    """pysmshub: requests, GET."""

    def __init__(self, url: str, key: str) -> None:
        self._api = import_module("pysmshub").SyncSmsHubApi(key)
        self._api.base_url = url
        self._error = import_module("pysmshub.exceptions").SmsHubApiException

    async def balance(self) -> float:
        return float(await self._do(self._api.get_balance))

    async def price(self) -> float:
        prices = await self._do(self._api.get_prices, "wa", "187")
        return float(prices["187"]["wa"]["cost"])

    async def buy(self, service: str) -> Number:
        rental_id, number = await self._do(self._api.get_number, service, None, 187, 2)
        return rental_id, number

    async def code(self, rental_id: str) -> str | None:
        _, code = await self._do(self._api.get_status, rental_id)
        return str(code) if code else None

    async def done(self, rental_id: str) -> str:
        return str(await self._do(self._api.set_status, rental_id, 6))

    async def cancel(self, rental_id: str) -> str:
        return str(await self._do(self._api.set_status, rental_id, 8))

    async def _do(self, call: Callable[..., Any], *given: Any) -> Any:
        try:
            return await asyncio.to_thread(call, *given)
        except self._error as error:
            raise Refused(error.response) from None


class PySmsHubAsync(PySmsHub):
    """pysmshub's other half: aiohttp, GET."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self._api = import_module("pysmshub").AsyncSmsHubApi(key)
        self._api.base_url = url

    async def _do(self, call: Callable[..., Any], *given: Any) -> Any:
        try:
            return await call(*given[:3])  # this half knows no highest price
        except self._error as error:
            raise Refused(error.response) from None


class SmsActivateRu:
    """smsactivateru: requests, GET, an object for every action; looks for words in the answer."""

    def __init__(self, url: str, key: str) -> None:
        self._module = import_module("smsactivateru")
        self._wrapper = self._module.Sms(key)
        self._wrapper.url = url

    async def balance(self) -> float:
        return float(await self._do(self._module.GetBalance()))

    async def price(self) -> None:
        """It knows no prices."""

    async def buy(self, service: str) -> Number:
        action = self._module.GetNumber(_service(service), country="12")
        bought = await self._do(action)
        return bought.id, bought.phone_number

    async def code(self, rental_id: str) -> str | None:
        code = (await self._do(self._module.GetStatus(id=rental_id)))["code"]
        return str(code) if code else None

    async def done(self, rental_id: str) -> str:
        return str((await self._do(self._module.SetStatus(id=rental_id, status=6)))["status"])

    async def cancel(self, rental_id: str) -> str:
        return str((await self._do(self._module.SetStatus(id=rental_id, status=8)))["status"])

    async def _do(self, action: Any) -> Any:
        try:
            return await asyncio.to_thread(action.request, self._wrapper)
        except Exception as error:
            raise Refused(str(error.args)) from None


def _service(code: str) -> Any:
    """A service as smsactivateru names it, forwarding suffix and all."""
    service = import_module("types").SimpleNamespace()
    setattr(service, "__service_short_name", f"{code}_0")
    return service


class AsyncSmsActivate:
    """async-sms-activate: aiohttp, GET."""

    def __init__(self, url: str, key: str) -> None:
        self._api = import_module("async_sms_activate").SmsActivateClient(key)
        self._api.api_url = url

    async def balance(self) -> float:
        try:
            return float(await self._api.get_balance())
        except ValueError as error:
            raise Refused(str(error)) from None

    async def price(self) -> float:
        # Its own words cut prices to whole dollars.
        given = {"action": "getTopCountriesByService", "service": "wa"}
        return float((await self._api._request(given))["0"]["price"])

    async def buy(self, service: str) -> Number:
        try:
            bought = await self._api.buy_number_by_country(service, 187)
        except Exception as error:
            raise Refused(f"{type(error).__name__} {error}") from None
        return str(bought.activation_id), bought.phone_number

    async def code(self, rental_id: str) -> str | None:
        status = await self._api.get_activation_status(rental_id)
        return status.split(":")[-1] if "STATUS_OK" in status else None

    async def done(self, rental_id: str) -> str:
        return str(await self._api.update_activation_status(rental_id, 6))

    async def cancel(self, rental_id: str) -> str:
        return str(await self._api.update_activation_status(rental_id, 8))

    async def close(self) -> None:
        await self._api.close()


class GrizzlySms:
    """grizzly-sms-client: httpx, GET."""

    def __init__(self, url: str, key: str) -> None:
        module = import_module("grizzly_sms")
        self._api = module.GrizzlySms(key, base_url=url.partition("/stubs/")[0])
        self._error = module.GrizzlySmsError

    async def balance(self) -> float:
        return float(await self._do(self._api.get_balance))

    async def price(self) -> float:
        prices = await self._do(self._api.get_prices, service="wa")
        return float(prices["187"]["wa"]["cost"])

    async def buy(self, service: str) -> Number:
        bought = await self._do(self._api.get_number_v2, service, country="any", max_price=2)
        return bought.activation_id, bought.phone_number

    async def code(self, rental_id: str) -> str | None:
        code = (await self._do(self._api.get_status, rental_id)).code
        return str(code) if code else None

    async def done(self, rental_id: str) -> str:
        return str(await self._do(self._api.complete, rental_id))

    async def cancel(self, rental_id: str) -> str:
        return str(await self._do(self._api.cancel, rental_id, -1))

    async def close(self) -> None:
        self._api.close()

    async def _do(self, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
        try:
            return await asyncio.to_thread(call, *given, **named)
        except self._error as error:
            raise Refused(error.code) from None


class HeroSms:
    """herosms: httpx, GET; holds every answer against a pydantic model."""

    def __init__(self, url: str, key: str) -> None:
        module = import_module("herosms")
        self._api = module.HeroSMSClient(key, base_url=url, retry_attempts=1)

    async def balance(self) -> float:
        return float((await self._do(self._api.get_balance())).amount)

    async def price(self) -> float:
        prices = await self._do(
            self._api._http.get(params={"action": "getPrices", "service": "wa", "country": 187})
        )
        return float(prices["187"]["wa"]["cost"])

    async def buy(self, service: str) -> Number:
        bought = await self._do(self._api.activations.create(service=service, country=187))
        return str(bought.id), bought.phone_number

    async def code(self, rental_id: str) -> str | None:
        status = await self._do(self._api.activations.attach(int(rental_id))._get_status_v2())
        return status.code if status.has_sms else None

    async def done(self, rental_id: str) -> str:
        return await self._set(rental_id, 6)

    async def cancel(self, rental_id: str) -> str:
        return await self._set(rental_id, 8)

    async def close(self) -> None:
        await self._api.close()

    async def _set(self, rental_id: str, status: int) -> str:
        given = {"action": "setStatus", "id": rental_id, "status": status}
        return str(await self._do(self._api._http.get(params=given)))

    async def _do(self, call: Any) -> Any:
        try:
            return await call
        except Exception as error:
            raise Refused(str(error)) from None


DRIVERS: dict[str, Callable[[str, str], Driver]] = {
    "smsactivate": SmsActivate,
    "aiosmsactivate": AioSmsActivate,
    "pysmshub": PySmsHub,
    "pysmshub async": PySmsHubAsync,
    "smsactivateru": SmsActivateRu,
    "async_sms_activate": AsyncSmsActivate,
    "grizzly_sms": GrizzlySms,
    "herosms": HeroSms,
    "npm hero-sms": partial(Npm, "hero-sms"),
    "npm sms-activate": partial(Npm, "sms-activate"),
}


def expect_installed(name: str) -> None:
    """Skip the test where the client is not there: those of npm come with `make test-npm`."""
    if not name.startswith(NPM):
        pytest.importorskip(name.split(maxsplit=1)[0])
    elif not is_installed(name.removeprefix(NPM)):
        pytest.skip("make test-npm installs and tests the clients of npm")


@asynccontextmanager
async def driving(name: str, url: str, key: str) -> AsyncIterator[Driver]:
    """A client that talks to an address with a key."""
    driver = DRIVERS[name](url, key)
    try:
        yield driver
    finally:
        close = getattr(driver, "close", None)
        if close is not None:
            await close()
