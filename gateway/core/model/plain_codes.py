"""Finds the code in the text that the provider gives as a code, where it is plain.

Plain is what stands alone, and what is the only thing in a text that looks like a code. Anything
less clear is left to a reader: a wrong code costs more than a second look.
"""

import re
import unicodedata
from collections.abc import Iterator

MAX_CODE = 16
_FEWEST, _MOST = 4, 10  # digits of a code in a text
_NEARBY = 60  # characters before a number in which words tell what it is

# Besides characters without a shape, marks upon others: a keycap around a digit, an accent.
_UNSEEN = frozenset(("Cf", "Co", "Cs", "Cn", "Mn", "Me"))
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_WHOLE = re.compile(r"[0-9A-Za-z]+(?:[ -][0-9A-Za-z]+){0,2}")
_DIGIT = re.compile(r"[0-9]")

_WORDS = r"(?:code|codice|c[oó]digo|kode?|pin|otp|pass(?:code|word|wort)|код|验证码|認証|인증)"
_NAMED = re.compile(_WORDS, re.IGNORECASE)
# Links and addresses, whose digits are no codes.
_LINK = re.compile(
    r"(?:[A-Za-z]{1,10}://|www\.)\S*|[\w.+-]{0,64}@\S+"
    r"|[^\W\d_][\w-]{0,62}(?:\.[\w-]{1,63}){0,8}\.[^\W\d_]{2,}(?:/\S*)?"
)
# Digits that belong together: amounts, dates, times; joined by dashes or dots; in groups by spaces.
_JOINED = (
    r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,4}/[0-9]{1,2}/[0-9]{1,4}|[0-9]{1,2}(?::[0-9]{2}){1,2}"
    r"|[0-9]+(?:[-.][0-9]+)*)"
)
_SPACED = r"(?:[0-9]{3} [0-9]{3}(?: [0-9]{3})?|[0-9]{2}(?: [0-9]{2}){2,4}|[0-9](?: [0-9]){3,9})"
_CURRENCY = r"[$€£¥₹]|\b(?:usd|eur|gbp|inr|rs|dollars?|euros?)\b\.?"
_DIGITS = re.compile(
    rf"(?<![0-9A-Za-z_])(?<![0-9][-.:/])(?P<before>(?:{_CURRENCY}|\+)\s?)?(?:G-|FB-)?"
    rf"(?P<digits>{_SPACED}(?![0-9]|[-.:/ ][0-9])|{_JOINED})"
    rf"(?P<after>\s?(?:{_CURRENCY}|%))?(?![0-9A-Za-z_]|-[0-9A-Za-z]|[.:/][0-9])",
    re.IGNORECASE,
)
_LETTERED = re.compile(r"(?<![0-9A-Za-z_+/=-])(?=[A-Z-]*[0-9])[0-9A-Z-]*[A-Z][0-9A-Z-]*(?![\w+/=])")
# What stands before and behind numbers that are something else.
_OTHER_BEFORE = re.compile(
    r"(?:\b(?:order|account|acct|card|ending|in|ref|reference|ticket|case|invoice|transaction"
    r"|flight|room|model|version|call|dial|phone|tel|fax|helpline|year|since|id)\b"
    r"|\b(?:text|send|reply|sms|stop|help)\b[^.!?]{0,20}\bto)(?:\s+(?:no|number|nr))?[\s.:#(-]*$",
    re.IGNORECASE,
)
_OTHER_AFTER = re.compile(
    r"[\s-]*(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|points?|times|miles|people|users)\b",
    re.IGNORECASE,
)
_NAMED_BEFORE = re.compile(rf"{_WORDS}(?:\s+is)?[\s:=#-]*$", re.IGNORECASE)
# Not those of a time or an amount, nor of the mark of an app at the end of its SMS.
_DIGITS_BEFORE = re.compile(r"(?<![\w+/=:.,-])[0-9]+ $")
_DIGITS_AFTER = re.compile(r" [0-9]+(?![\w+/=]|[:/.,][0-9])")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_DATE = re.compile(r"(?:0?[1-9]|[12][0-9]|3[01])([-.])(?:0?[1-9]|1[0-2])\1[0-9]{2}")
_PHONE = re.compile(r"[0-9]{3}([-.])[0-9]{3}\1[0-9]{4}")
_NO_CODE = re.compile(
    r"(?s:.*[,:/].*)|[0-9]+\.[0-9]{1,2}|[0-9]{1,3}(?:\.[0-9]{3}){2,}"  # amounts, times
    r"|[0-9]{4}[-.][0-9]{1,2}[-.][0-9]{1,2}|[0-9]{1,2}[-.][0-9]{1,2}[-.][0-9]{4}"  # dates
)


def plain_code(text: str) -> str | None:
    """The code that a text is or holds; None where none is plain. Its digits are ASCII."""
    if len(text) <= MAX_CODE and text.isascii() and text.isalnum():
        return text  # saves most callers the rest
    line = readable(text)
    if len(line) <= MAX_CODE and _WHOLE.fullmatch(line) and _is_whole(line) and text.isascii():
        return line
    return _only_one(_LINK.sub(" ", line))


def readable(text: str) -> str:
    """The text with plain digits and dashes, on one line, without what cannot be seen."""
    usual = unicodedata.normalize("NFKC", text).translate(_DASHES)
    return " ".join("".join(map(_usual, usual)).split())


def shows_code(text: str, code: str) -> bool:
    """Whether who has `code` has got `text`: it is the code in it, or a text that holds it."""
    if text == code:
        return True
    told, known = readable(text), readable(code)
    if told and _holds(known, told):
        return True
    plain = plain_code(text)
    if plain is not None:
        return plain == code
    letters = _letters(told)
    return _holds(told, known) or (letters != "" and letters in _letters(known))


def _letters(line: str) -> str:
    """The letters and digits alone: a text whose links were made harmless has the same."""
    return "".join(filter(str.isalnum, line.casefold())).replace("hxxp", "http")


def _holds(line: str, part: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", line) is not None


def _usual(char: str) -> str:
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    return "" if unicodedata.category(char) in _UNSEEN else char


def _is_whole(line: str) -> bool:
    """Whether a short text is a code as it stands: one word, or groups that each have a digit.

    Groups that are too long together are several codes.
    """
    groups = line.split(" ")
    if len(groups) == 1:
        return True
    return sum(map(len, groups)) <= _MOST and all(map(_DIGIT.search, groups))


def _only_one(line: str) -> str | None:
    """The only candidate; one that is likely something else counts only where no other is."""
    likely: set[str] = set()
    unlikely: set[str] = set()
    for code, doubted in _candidates(line):
        (unlikely if doubted else likely).add(code)
    found = likely or unlikely
    return (found.pop() or None) if len(found) == 1 else None


def _candidates(line: str) -> Iterator[tuple[str, bool]]:
    """What looks like a code, and whether it is likely something else; "" stands for no code."""
    for match in _DIGITS.finditer(line):
        if not (match["before"] or match["after"] or _NO_CODE.fullmatch(match["digits"])):
            yield from _of_digits(line, match)
    if _NAMED.search(line):
        for match in _LETTERED.finditer(line):
            if _FEWEST <= len(match[0]) <= _MOST and not match[0].startswith(("G-", "FB-")):
                yield match[0], _is_other(line, match.start(), match.end())


def _of_digits(line: str, match: re.Match[str]) -> Iterator[tuple[str, bool]]:
    code = re.sub(r"[^0-9]", "", match["digits"])
    if _has_neighbour(line, match):
        yield "", True
    elif _FEWEST <= len(code) <= _MOST:
        yield code, _is_doubted(line, match)
    elif _NAMED_BEFORE.search(_before(line, match.start("digits"))):
        yield "", False  # it is called a code, and is none that is plain


def _has_neighbour(line: str, match: re.Match[str]) -> bool:
    """Whether a space alone parts it from other digits: it may be a piece of their number."""
    if _DIGITS_BEFORE.search(_before(line, match.start())):
        return True
    after = _DIGITS_AFTER.match(line, match.end())
    return after is not None and not _OTHER_AFTER.match(line, after.end())


def _is_doubted(line: str, match: re.Match[str]) -> bool:
    digits = match["digits"]
    shapes = (_YEAR, _DATE, _PHONE)
    if any(shape.fullmatch(digits) for shape in shapes) or len(digits) == _MOST:
        return True
    return _is_other(line, match.start(), match.end())


def _is_other(line: str, start: int, end: int) -> bool:
    """Whether the words beside it say that it is something else."""
    return bool(_OTHER_BEFORE.search(_before(line, start)) or _OTHER_AFTER.match(line, end))


def _before(line: str, start: int) -> str:
    return line[max(0, start - _NEARBY) : start]
