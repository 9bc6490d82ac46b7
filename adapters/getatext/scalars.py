"""Parsers of Getatext's scalar formats: null, amounts, times, numbers and texts.

No function raises: they return None for null and for unreadable values alike, so that one odd field
does not fail the response of a purchase. Callers check the fields they require.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any

from gateway.core.model.codes import MAX_CODE_TEXT
from gateway.core.model.values import MAX_ID

MAX_NAME = 200
MAX_SENDER = 100
MAX_SMS = 5_000
_MAX_COUNT = 2**31 - 1
_LONGEST_TIME = 40
_YEARS = range(2000, 2200)  # excludes zero and sentinel dates
# Below a million, of six decimals at most: what the ledger's millionths of a dollar hold.
_AMOUNT = re.compile(r"-?0{0,9}[0-9]{1,6}(?:\.[0-9]{1,6}0{0,9})?", re.ASCII)
_MILLION = 1_000_000
_NOISE = 1e-9
_PUNCTUATION = str.maketrans("", "", " +-.()\u00a0")
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def absent(raw: object) -> bool:
    """Whether the value is one of Getatext's nulls: null, the text "null", the empty text."""
    return raw is None or (isinstance(raw, str) and raw.strip().lower() in ("", "null"))


def money(raw: object, *, signed: bool = False) -> Decimal | None:
    """US dollars, exactly: text ("0.55", page) or a JSON number (client). Negative if `signed`.

    A million and more is unreadable, and so is what is finer than a millionth: nobody means it.
    """
    text = raw.strip() if isinstance(raw, str) else _number_text(raw)
    if _AMOUNT.fullmatch(text) is None:
        return None
    amount = Decimal(text)
    if amount > 0 or (signed and amount < 0):
        return amount
    return None if amount else abs(amount)


def first_money(fields: Mapping[str, Any], *names: str, signed: bool = False) -> Decimal | None:
    """The first readable amount of these fields: one amount has two names (page)."""
    for name in names:
        raw = fields.get(name)
        if raw is not None and (amount := money(raw, signed=signed)) is not None:
            return amount
    return None


def _number_text(raw: object) -> str:
    """A JSON number with six decimals at most, without the noise of a double (0.1 + 0.2)."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not abs(raw) < _MILLION:
        return ""
    text = f"{raw:.6f}"
    noise = abs(float(text) - raw)
    return text.rstrip("0").rstrip(".") if noise <= _NOISE * min(1, abs(raw)) else ""


def flag(raw: object) -> bool | None:
    """A boolean, or the text "true" or "false" (page); 1 and 0 too (guess)."""
    if isinstance(raw, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(raw.strip().lower())
    if isinstance(raw, (bool, int)) and raw in (0, 1):
        return bool(raw)
    return None


def instant(raw: object, zone: tzinfo) -> datetime | None:
    """A datetime in UTC from ISO text. Without an offset (page) it is local time in `zone`.

    An ambiguous local time is the first of the two; a skipped one uses the offset before the gap.
    """
    return _moment(raw, zone) if isinstance(raw, str) and 10 < len(raw) <= _LONGEST_TIME else None


@lru_cache(5000)  # each status of a rental repeats its end
def _moment(raw: str, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(raw.strip())
        if moment.year not in _YEARS:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(raw: object) -> date | None:
    """A date: "2025-07-06" (page), or the date part of a datetime (guess)."""
    if not isinstance(raw, str) or len(raw) > _LONGEST_TIME:
        return None
    try:
        found = date.fromisoformat(raw.strip()[:10])
    except ValueError:
        return None
    return found if found.year in _YEARS else None


def ident(raw: object) -> int | None:
    """An id: a JSON integer (page) or text of digits, from 1 to 2^63-1."""
    found = _integer(raw)
    return found if found is not None and 0 < found <= MAX_ID else None


def count(raw: object) -> int | None:
    """A stock or minutes: a JSON integer (page) or text of digits, not negative."""
    found = _integer(raw)
    return found if found is not None and 0 <= found <= _MAX_COUNT else None


def number(raw: object) -> str | None:
    """A US number in E.164, of ten digits (page) or eleven with a leading 1, punctuated or not."""
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw < 10**11:
        raw = str(raw)
    if not isinstance(raw, str) or len(raw) > _LONGEST_TIME:
        return None
    digits = raw.translate(_PUNCTUATION)
    if not (digits.isascii() and digits.isdigit()):
        return None
    if len(digits) == 10:
        return "+1" + digits
    return "+" + digits if len(digits) == 11 and digits[0] == "1" else None


def code(raw: object, longest: int = MAX_CODE_TEXT) -> str | None:
    """A code as text with its leading zeros; an integer (page, webhook) may have lost some.

    The integer 0 is no code (guess).
    """
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw <= MAX_ID:
        return str(raw)
    return text(raw, longest)


def text(raw: object, longest: int = MAX_NAME) -> str | None:
    """A display text: one line, without control characters, cut to `longest` characters."""
    if not isinstance(raw, str) or absent(raw):
        return None
    if not raw.isprintable():
        raw = _NO_TEXT.sub("", " ".join(raw.split()))
    return raw.strip()[:longest].rstrip() or None


def sms(raw: object) -> str | None:
    """The text of an SMS with its line breaks; "null" is a text here. None if it is no string."""
    if not isinstance(raw, str):
        return None
    return (raw if raw.isprintable() else _NO_TEXT.sub("", raw))[:MAX_SMS]


def word(raw: object, longest: int = 100) -> str | None:
    """A name that is sent back later, so unchanged or None: `instagram/threads` (live)."""
    if not isinstance(raw, str) or absent(raw):
        return None
    return raw if len(raw) <= longest and raw.isprintable() else None


def _integer(raw: object) -> int | None:
    if isinstance(raw, str):
        digits = raw.strip() if len(raw) <= _LONGEST_TIME else ""
        return int(digits) if digits.isascii() and digits.isdigit() else None
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None
