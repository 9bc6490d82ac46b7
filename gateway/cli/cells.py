"""Writes values as people read them: amounts, times, codes, and what the fields are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.cli.table import ABSENT, Cell

_COUNTS = ("rentals", "codes", "cancelled", "expired")
_MONEY = {
    *("price", "balance", "charged", "refunded", "net", "reserved", "max_price", "confirm_above"),
    *("spent_today", "spent_total", "left_today", "left_total", "budget_day", "budget_total"),
    *("spent", "budget", "threshold"),
}
_TO_THE_RIGHT = {
    *(_MONEY | set(_COUNTS)),
    *("id", "stock", "ttl_minutes", "success_rate", "median_seconds"),
}
_TITLES = {
    "service_code": "service",
    "auto_renew": "renews",
    "ttl_minutes": "minutes",
    "multiple_sms": "more codes",
    "success_rate": "success",
    "median_seconds": "seconds",
}
_COLOURS: Mapping[object, Mapping[str, Any]] = {
    "active": {"fg": "cyan"},
    "code_received": {"fg": "green", "bold": True},
    "completed": {"fg": "green"},
    "cancelled": {"fg": "yellow"},
    "expired": {"fg": "red"},
    "unknown": {"fg": "magenta", "bold": True},
    "enabled": {"fg": "green"},
    "disabled": {"fg": "red"},
    "pending": {"fg": "cyan"},
    "delivered": {"fg": "green"},
    "failed": {"fg": "red"},
}
_CODE = {"fg": "green", "bold": True}
_JOINER = "\u200d"  # holds emoji together; every other unseen character is shown as a dot
_WITHOUT_TIME = {"expires_at"}  # a year matters there


def printable(text: str) -> str:
    """The text without control characters, which a stranger's text could steer a terminal by."""
    return "".join(c if c.isprintable() or c == _JOINER else "·" for c in text)


def title(name: str) -> str:
    """What a field is called."""
    return _TITLES.get(name, name.replace("_", " "))


def heading(name: str, *, brief: bool) -> str:
    """What a column is called; with `brief` it names the zone that its times leave out."""
    if not (brief and _is_instant(name) and name not in _WITHOUT_TIME):
        return title(name)
    return f"{title(name).removesuffix(' at')} (UTC)"


def is_to_the_right(name: str) -> bool:
    """Whether a column's values end below one another."""
    return name in _TO_THE_RIGHT


def cell(name: str, value: Any, *, brief: bool = False) -> Cell:
    """A field's value. `brief`: a time without its year and seconds."""
    if value is None:
        return ABSENT
    if _is_instant(name):
        return Cell(_brief(name, value) if brief else instant(value), whole=True)
    style = _COLOURS.get(value) if name in {"status", "state"} else None
    return Cell(printable(_text(name, value)), _CODE if name == "code" else style)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{each} {_text(each, told)}" for each, told in value.items())
    if isinstance(value, list):
        return ", ".join(map(_code if name == "codes" else str, value))
    if name == "success_rate":
        return f"{value:.0%}"
    return f"${value}" if name in _MONEY else str(value)


def instant(text: str) -> str:
    """A time of JSON as people read it."""
    return f"{text[:19].replace('T', ' ')} UTC"


def event_row(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with some of its rental's fields in place of the rental, its details in words."""
    rental, details = event["data"] or {}, event["details"] or {}
    own = {name: value for name, value in event.items() if name not in {"data", "details"}}
    told = [
        f"{title(name)} {cell(name, each).text}"
        for name, each in details.items()
        if each is not None
    ]
    return {
        **own,
        "rental_id": rental.get("id"),
        **{name: rental.get(name) for name in ("service_code", "number", "code")},
        "details": ", ".join(told) or None,
    }


def _is_instant(name: str) -> bool:
    return name.endswith("_at") or name in {"timestamp", "at"}


def _brief(name: str, text: str) -> str:
    return text[:10] if name in _WITHOUT_TIME else text[5:16].replace("T", " ")


def _code(code: Mapping[str, Any]) -> str:
    unsure = ", perhaps without its first zeros" if code["provisional"] else ""
    return f"{code['code']} ({instant(code['received_at'])}{unsure})"
