"""Text from strangers (SMS, their senders, service names) as harmless data.

What a text says cannot be judged here. So characters that a person would not see are removed, a
text is cut to a useful length, and a code is passed on only where it looks like one.
"""

import re
from collections.abc import Mapping
from typing import Any

MAX_TEXT = 1000
MAX_CODE = 16
_DEFAULT_LENGTH = 200
_LENGTHS: Mapping[str, int] = {
    "text": MAX_TEXT,
    "service_name": 80,
    "sender": 40,
    "notice": 600,
    "next_cursor": 3000,  # ours: it is taken back only whole
}

_SPACE = re.compile(r"[\s\u2028\u2029\u2800\u3000]+")
# Controls, zero-width and bidirectional marks, soft hyphen, fillers, variation selectors, private
# use, surrogates and the tag characters: none is visible, all can carry instructions.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u034f\u061c\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ud800-\uf8ff"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)
_CODE = re.compile(r"[0-9A-Za-z]+(?:[ -][0-9A-Za-z]+){0,2}")


def clean_text(text: str, length: int = _DEFAULT_LENGTH) -> str:
    """The text without invisible characters, on one line, cut to `length` characters."""
    visible = _SPACE.sub(" ", _INVISIBLE.sub("", text)).strip()
    return visible if len(visible) <= length else visible[: length - 1] + "…"


def code_or_none(raw: str) -> str | None:
    """The code where it is short and alphanumeric as codes are; None for anything else."""
    code = clean_text(raw)
    return code if len(code) <= MAX_CODE and _CODE.fullmatch(code) else None


def clean_json(value: Any, name: str = "") -> Any:
    """A whole JSON value with clean texts, cut by the names of their fields, and without nulls."""
    if isinstance(value, str):
        if name == "code":
            return code_or_none(value)
        return clean_text(value, _LENGTHS.get(name, _DEFAULT_LENGTH))
    if isinstance(value, list):
        cleaned = [clean_json(each, name) for each in value]
        return [each for each in cleaned if "code" in each] if name == "codes" else cleaned
    if isinstance(value, dict):
        pairs = ((key, clean_json(each, key)) for key, each in value.items())
        return {key: each for key, each in pairs if each is not None}
    return value
