"""Ids, numbers and codes. Each is made of the id alone, which no two purchases share."""

import hashlib

FIRST_ID = 9_000_000_000_000_000
"""The lowest id. A provider that counts rentals does not reach it, and 2**53 is still above it."""

_AREAS = (
    "201", "202", "206", "212", "213", "214", "303", "305", "310", "312",
    "404", "415", "503", "512", "602", "615", "646", "702", "718", "917",
)  # fmt: skip
_LINES = 100


def number(identity: int, area_codes: str | None = None) -> str:
    """A US number that is set aside for fiction, in the first of these area codes."""
    count = identity - FIRST_ID
    area = _AREAS[count // _LINES % len(_AREAS)]
    if area_codes is not None:
        area = area_codes.split(",")[0].strip()
    return f"+1{area}55501{count % _LINES:02}"


def code(identity: int, place: int) -> str:
    """The code in this place, from 0 on: six digits, others than those of the place before."""
    digest = hashlib.sha256(str(identity).encode()).digest()
    return f"{(int.from_bytes(digest[:8]) + 314_159 * place) % 1_000_000:06}"
