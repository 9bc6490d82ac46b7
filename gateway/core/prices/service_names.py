"""The services of a price list by what callers call them: exact names, and candidates."""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from difflib import SequenceMatcher

from gateway.core.model.errors import ServiceNotFound
from gateway.core.model.prices import Candidate, Price

_MOST = 5
_ALIKE = 0.65  # of SequenceMatcher.ratio; below that names have little in common
_HOLDS = 0.9  # one name is a part of the other
_SHORTEST_PART = 3
_LONGEST = 60  # characters of a text that are compared


def services_called(prices: Iterable[Price], asked: str) -> list[Price]:
    """The service with just this code; else those with this code or name in another case."""
    rows = list(prices)
    exact = [row for row in rows if row.service_code == asked]
    return exact or [row for row in rows if _folded(asked) in _names(row)]


def not_found(
    prices: Iterable[Price],
    asked: str,
    called: Sequence[Price] = (),
    among: Collection[str] | None = None,
) -> ServiceNotFound:
    """The error for a text that names no single service.

    `prices`: what may be suggested. `called`: the several that it names. `among`: the services that
    the caller may rent; None: all.
    """
    if called:
        error = ServiceNotFound(f"{len(called)} services have this name.")
        codes = {row.service_code for row in called}
        close = [
            row
            for row in prices
            if row.service_code in (codes if among is None else codes & set(among))
        ]
    else:
        error = ServiceNotFound()
        close = closest(prices, asked, among)
    error.suggest(_in_stock_first(close[:_MOST]))
    return error


def closest(
    prices: Iterable[Price], asked: str, among: Collection[str] | None = None
) -> list[Price]:
    """At most five services with a name or code like this text, the most alike first."""
    text = _spelling(asked)[:_LONGEST]
    if not text:
        return []
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(text)
    scored = [
        (score, row)
        for row in prices
        if row.service_code != asked
        and (among is None or row.service_code in among)
        and (score := max(_likeness(matcher, text, name) for name in _spellings(row))) >= _ALIKE
    ]
    scored.sort(key=lambda each: (-each[0], each[1].price, each[1].service_code))
    return [row for _, row in scored[:_MOST]]


def candidates(
    prices: Iterable[Price], asked: str, among: Collection[str] | None = None
) -> tuple[Candidate, ...]:
    """The closest services, those in stock first."""
    return _in_stock_first(closest(prices, asked, among))


def _in_stock_first(rows: Iterable[Price]) -> tuple[Candidate, ...]:
    return tuple(Candidate.of(row) for row in sorted(rows, key=lambda row: row.stock == 0))


def _likeness(matcher: "SequenceMatcher[str]", text: str, name: str) -> float:
    """How alike two spellings are, from 0 to 1; `matcher` holds the text."""
    if name == text:
        return 1.0
    shorter, longer = sorted((name, text), key=len)
    part = _HOLDS if len(shorter) >= _SHORTEST_PART and shorter in longer else 0.0
    matcher.set_seq1(name)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return part
    return max(part, matcher.ratio())


def _names(row: Price) -> tuple[str, str]:
    return _folded(row.service_code), _folded(row.service_name)


def _folded(text: str) -> str:
    """The text without regard to case, to the spaces in it and to how Unicode composes it."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _spellings(row: Price) -> set[str]:
    return {_spelling(row.service_code)[:_LONGEST], _spelling(row.service_name)[:_LONGEST]}


def _spelling(text: str) -> str:
    """The letters and digits alone: `google_voice` and `Google Voice` are one spelling."""
    return "".join(each for each in text.casefold() if each.isalnum())
