"""The built-in tables of service codes, one for each dialect that existing tools speak."""

from collections.abc import Iterator
from functools import cache

from gateway.core.prices.code_tables import daisysms, sms_activate

SMS_ACTIVATE = "SMS-Activate"
DAISYSMS = "DaisySMS"

_TEXTS = {SMS_ACTIVATE: sms_activate.CODES, DAISYSMS: daisysms.CODES}

Table = dict[str, tuple[str, ...]]


@cache
def tables() -> dict[str, Table]:
    """By dialect, for each code the names of the service it means, the likeliest first."""
    return {dialect: dict(_rows(text)) for dialect, text in _TEXTS.items()}


def _rows(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in text.splitlines():
        if line:
            code, names = line.split("=")
            yield code, tuple(names.split("|"))
