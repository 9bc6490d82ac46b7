"""What the faces for existing tools share: what an operator sets for them, and their times."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from aiohttp import HttpVersion11, web

from gateway.core.prices.service_codes import ServiceCodes


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Legacy:
    """`zone` is that of the provider's times, which carry none.

    `any_country`: whether a tool that asks for another country than the USA gets US numbers.
    `harmless`: names that mean nothing in a purchase, besides those that are known to.
    """

    zone: tzinfo = field(default_factory=lambda: ZoneInfo("America/New_York"))
    codes: ServiceCodes = field(default_factory=ServiceCodes.built_in)
    any_country: bool = False
    harmless: frozenset[str] = frozenset()
    now: Callable[[], datetime] = _utc_now


def spellings(path: str) -> tuple[str, ...]:
    """An address as existing tools write it.

    With a slash at the end, or with two at the front: the base URL they were given ends with one.
    """
    return path, f"{path}/", f"/{path}", f"/{path}/"


def spelt_usually(path: str) -> str:
    """The path of which this is a spelling."""
    return f"/{path.strip('/')}"


def naive_text(moment: datetime, zone: tzinfo) -> str:
    """A moment as the provider writes it: its wall clock, without a zone."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def ten_digits(number: str | None) -> str | None:
    """A number in E.164 as the provider writes it: without the leading +1."""
    return None if number is None else number.removeprefix("+").removeprefix("1")


async def tolerate_expect(request: web.Request) -> None:
    """Let a client go on that asks whether to send its body; what else it expects is ignored."""
    expected = request.headers.get("Expect", "").lower()
    if expected == "100-continue" and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun
