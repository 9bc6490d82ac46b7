"""Which numbers a purchase prefers: carriers, area codes and numbers, however they are spelled."""

import re
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticUseDefault

from gateway.core.model.values import text_asked

ANY = "any"
_CARRIERS = MappingProxyType(
    {
        "att": "at&t",
        "tmo": "tmobile", "tmobile": "tmobile",
        "vz": "verizon", "vzw": "verizon", "verizon": "verizon",
        ANY: ANY,
    }
)  # fmt: skip
_BETWEEN = re.compile(r"[\s&._\u2010-\u2015\u2212-]+")  # dashes of any kind too

AREA_CODES = r" *[2-9][0-9]{2} *(, *[2-9][0-9]{2} *)*"
_documented = re.compile(AREA_CODES).fullmatch
_COUNTRY = r"(?:\+1[ .-]?|1[ .-])"
_ONE_AREA = rf"{_COUNTRY}?(?:\([2-9][0-9]{{2}}\)|[2-9][0-9]{{2}})"
_are_areas = re.compile(rf"[\s,;/]*{_ONE_AREA}(?:[\s,;/]+{_ONE_AREA})*[\s,;/]*").fullmatch
_AREA = re.compile(r"[2-9][0-9]{2}")
_US_NUMBER = r"^(\+?1)?[2-9][0-9]{9}$"
_DASH = r"\s./\u2010-\u2015\u2212-"
_is_us_number = re.compile(_US_NUMBER).fullmatch
_means_us_number = re.compile(
    rf"(?:\+?1[{_DASH}]*)?\(?([2-9][0-9]{{2}})\)?[{_DASH}]*([0-9]{{3}})[{_DASH}]*([0-9]{{4}})"
).fullmatch
_LONGEST_NUMBER = 40
_MOST_TEXT = 4000  # characters; a hundred area codes in any spelling are fewer


def carrier_named(text: str) -> str | None:
    """The carrier of a name, in any case and with any separators; None for an unknown one."""
    return _CARRIERS.get(_BETWEEN.sub("", text.casefold()))


def _carrier_asked(raw: object) -> object:
    """A known carrier's own name; anything else as it is, which the choices refuse."""
    return (carrier_named(raw) or raw.strip().lower()) if isinstance(raw, str) else raw


def _area_codes_asked(raw: object) -> object:
    """Area codes as the documents have them, from a list, a number, or text in other spellings."""
    if isinstance(raw, list):
        if not raw:
            raise PydanticUseDefault
        raw = ",".join(str(each) if isinstance(each, str | int) else "?" for each in raw)
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise ValueError("must be area codes, such as 212,646")
    text = str(raw)
    if _documented(text):
        return text
    if len(text) > _MOST_TEXT or not _are_areas(text):
        raise ValueError("must be area codes of the US, such as 212,646")
    return ",".join(_AREA.findall(text))


def _area_codes_or_any(raw: object) -> object:
    wherever = isinstance(raw, str) and raw.strip().lower() == ANY
    return ANY if wherever else _area_codes_asked(raw)


def _us_number_asked(raw: object) -> object:
    """A US number as the documents have it, from a whole number or text in another spelling."""
    text = text_asked(raw)
    if not isinstance(text, str) or _is_us_number(text):
        return text
    found = _means_us_number(text.strip()) if len(text) < _LONGEST_NUMBER else None
    if found is None:
        raise ValueError("must be a US number of ten digits, such as +14104287665")
    return f"+1{''.join(found.groups())}"


Carrier = Annotated[Literal["any", "at&t", "tmobile", "verizon"], BeforeValidator(_carrier_asked)]
"""A carrier in an input; any: none is preferred."""

CarrierOrSame = Annotated[
    Literal["same", "any", "at&t", "tmobile", "verizon"], BeforeValidator(_carrier_asked)
]
"""A carrier in an input, any, or the one of an earlier purchase."""

AreaCodes = Annotated[
    str, Field(pattern=f"^{AREA_CODES}$", max_length=400), BeforeValidator(_area_codes_asked)
]
"""Area codes in an input, comma-separated."""

AreaCodesOrAny = Annotated[
    str,
    Field(pattern=f"^( *any *|{AREA_CODES})$", max_length=400),
    BeforeValidator(_area_codes_or_any),
]
"""Area codes in an input, or the word any."""

UsNumber = Annotated[str, Field(pattern=_US_NUMBER), BeforeValidator(_us_number_asked)]
"""A US number in an input, with or without its country code."""
