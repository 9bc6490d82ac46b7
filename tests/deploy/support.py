"""What the files that run the gateway have in common."""

import re
from pathlib import Path

from gateway.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {name.upper() for name in Settings.model_fields}
_USUAL = Settings.model_validate({})
# What `serve` gives purchases under way at its end.
DRAIN_SECONDS = _USUAL.getatext_connect_seconds + _USUAL.getatext_spend_seconds + 5


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def settings_named(text: str) -> set[str]:
    return set(re.findall(r"\b(?:GATEWAY|GETATEXT)_[A-Z_]+\b", text))


def seconds(text: str) -> float:
    """A time with its unit, as nginx and Docker write it."""
    number, unit = re.fullmatch(r"(\d+)(s|m|h)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]
