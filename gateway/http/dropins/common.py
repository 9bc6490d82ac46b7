"""Shared by the drop-in faces: their settings, route spellings, times and phone numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from aiohttp import HttpVersion11, web

from gateway.core.prices.service_codes import ServiceCodes


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class DropInSettings:
    """What an operator sets for the drop-in faces.

    `zone` is that of the provider's times, which carry none. `any_country`: a request for
    another country than the USA gets US numbers. `harmless`: more parameter names that a purchase
    may carry without any effect.
    """

    zone: tzinfo = field(default_factory=lambda: ZoneInfo("America/New_York"))
    codes: ServiceCodes = field(default_factory=ServiceCodes.built_in)
    any_country: bool = False
    harmless: frozenset[str] = frozenset()
    now: Callable[[], datetime] = _utc_now


def spellings(path: str) -> tuple[str, ...]:
    """A route's path with every combination of extra slashes that existing tools send.

    They append a slash, or put their path behind a base URL that ends with one.
    """
    return path, f"{path}/", f"/{path}", f"/{path}/"


def canonical_path(path: str) -> str:
    """The route's path, of which `path` is one of the `spellings`."""
    return f"/{path.strip('/')}"


def naive_text(moment: datetime, zone: tzinfo) -> str:
    """An instant in the provider's format: wall-clock time in `zone`, without an offset."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def ten_digits(number: str | None) -> str | None:
    """An E.164 number in the provider's format: without the leading +1."""
    return None if number is None else number.removeprefix("+").removeprefix("1")


async def tolerate_expect(request: web.Request) -> None:
    """Answer `Expect: 100-continue`; any other expectation is ignored instead of refused."""
    expected = request.headers.get("Expect", "").lower()
    if expected == "100-continue" and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # aiohttp must not take the response as begun
