"""What a purchase may ask for besides its service: mapped, known to mean nothing, or refused.

Nothing that decides what is bought or paid is ever dropped. A tool that asks for what cannot be had
hears that there are no numbers, before anything is sent.
"""

import re
from collections.abc import Callable, Mapping

import structlog

from gateway.core.naming import shown
from gateway.http.parameters import Parameters
from gateway.http.sms_activate.tokens import BAD_ACTION, NO_NUMBERS

Given = dict[str, object]
Reader = Callable[[str], Given | None]
"""The inputs of rent_number that a value stands for; None where it cannot be had."""

READ_ELSEWHERE = frozenset(
    {"api_key", "action", "service", "country", "maxPrice", "max_price", "orderId"}
)
HARMLESS = frozenset(
    {
        "ref", "ref_id", "owner", "softId", "freePrice", "minPrice", "providerIds",
        "exceptProviderIds", "fixedPrice", "useCashBack", "language", "lang", "json", "text",
        "userId", "v", "version",
        "_", "t", "ts", "rand",
    }
)  # fmt: skip
_CARRIERS = {
    "tmo": "tmobile",
    "tmobile": "tmobile",
    "vz": "verizon",
    "verizon": "verizon",
    "att": "at&t",
    "at&t": "at&t",
}
_AREAS = re.compile(r"[2-9][0-9]{2}(,[2-9][0-9]{2})*").fullmatch
_NUMBER = re.compile(r"\+?1?([2-9][0-9]{9})").fullmatch
_OFF = ("0", "false")

log = structlog.get_logger("gateway.http")


def _areas(raw: str) -> Given | None:
    codes = raw.replace(" ", "").strip(",")
    return {"area_codes": codes, "lock_area_code": True} if _AREAS(codes) else None


def _carrier(raw: str) -> Given | None:
    """One carrier: the provider takes no more."""
    name = raw.lower().strip(",")
    if name == "any":
        return {}
    carrier = _CARRIERS.get(name)
    return {"carrier": carrier, "keep_carrier": True} if carrier else None


def _number(raw: str) -> Given | None:
    found = _NUMBER(raw)
    return {"number": found[1]} if found else None


def _only_off(raw: str) -> Given | None:
    return {} if raw.lower() in _OFF else None


def _only_zero(raw: str) -> Given | None:
    return {} if raw == "0" else None


def _never(raw: str) -> Given | None:
    return None


WISHES: Mapping[str, Reader] = {
    "areas": _areas,
    "carriers": _carrier,
    "operator": _carrier,
    "number": _number,
    "phoneException": _never,  # the provider cannot exclude
    "ltr": _only_off,  # a short rental is not what was asked
    "duration": _only_off,
    "auto_renew": _only_off,
    "forward": _only_off,
    "verification": _only_off,  # by a call
    "multiService": _only_off,
    "activationType": _only_zero,
}


def read_wishes(parameters: Parameters, harmless: frozenset[str]) -> Given | str:
    """The inputs that the wishes stand for, or the token that refuses them.

    `harmless` are names that the operator says mean nothing.
    """
    if parameters.repeated:
        return BAD_ACTION
    given: Given = {}
    refused = False
    for name, raw in parameters.values.items():
        if name in READ_ELSEWHERE or name in HARMLESS or name in harmless:
            continue
        read = WISHES.get(name)
        if read is None:
            log.warning("a purchase with a parameter that is not known", parameter=shown(name))
            return BAD_ACTION
        wish = read(raw)
        refused = refused or wish is None or _differ(given, wish)
        given |= wish or {}
    one_of_many = "number" in given and len(given) > 1
    return NO_NUMBERS if refused or one_of_many else given


def _differ(given: Given, wish: Given) -> bool:
    return any(given.get(name, value) != value for name, value in wish.items())
