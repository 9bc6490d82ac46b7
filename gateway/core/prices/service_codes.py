"""The service codes of existing tools, and the provider's service for each of them."""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from gateway.core.model.prices import Price
from gateway.core.prices.code_tables.reading import tables

_SUFFIX = re.compile(r"_[01]$")
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_UNSPELT = re.compile(r"[^a-z0-9]+")

Candidates = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class CodeMatch:
    """A code and its service; `price` None: no candidate is in the price list.

    `dialects` names the tools that send it; empty for a code of the operator's own.
    """

    code: str
    candidates: tuple[str, ...]
    price: Price | None
    dialects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """Every code with its match, and the services that have no code."""

    matches: tuple[CodeMatch, ...]
    without_code: tuple[Price, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A service under the code or name that an existing tool requests it by."""

    code: str
    price: Price


@dataclass(frozen=True)
class ServiceCodes:
    """The table of codes: for each one the provider's service names it may mean, best first.

    `dialects` names the tools that send a code; one of the operator's own is in none.
    """

    candidates: Candidates
    dialects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def built_in(cls) -> "ServiceCodes":
        """The well-known codes of every dialect; those of the first one take precedence."""
        candidates: dict[str, tuple[str, ...]] = {}
        dialects: dict[str, tuple[str, ...]] = {}
        for dialect, table in tables().items():
            for code, names in table.items():
                candidates[code] = _merged(candidates.get(code, ()), names)
                dialects[code] = (*dialects.get(code, ()), dialect)
        return cls(candidates, dialects)

    def overridden(self, overrides: Candidates) -> "ServiceCodes":
        """The table with an operator's codes replacing ours; a code without names is removed."""
        merged = {**self.candidates, **overrides}
        ours = {code: told for code, told in self.dialects.items() if code not in overrides}
        return ServiceCodes({code: names for code, names in merged.items() if names}, ours)

    def code(self, asked: str) -> str | None:
        """The known code in a request, without a suffix `_0` or `_1`; None for anything else."""
        name = asked.strip().lower()
        return next((c for c in (name, _SUFFIX.sub("", name)) if c in self.candidates), None)

    def guess(self, asked: str) -> str:
        """The provider's most likely name for a code, for use without a price list."""
        code = self.code(asked)
        return asked.strip() if code is None else self.candidates[code][0].replace(" ", "_")


class Assortment:
    """One price list by the codes and names of existing tools."""

    def __init__(
        self, codes: ServiceCodes, prices: Iterable[Price], withheld: Collection[Price] = ()
    ) -> None:
        """Match every code. It takes a millisecond: cache the object as long as the price list.

        `withheld`: services that are found, and whose prices must not be quoted.
        """
        self._codes = codes
        self._prices = tuple(prices)
        self._withheld = frozenset(price.service_code for price in withheld)
        self._named: dict[str, Price] = {}
        self._spelt: dict[str, Price] = {}
        for price in (*self._prices, *withheld):
            self._named.setdefault(price.service_code.lower(), price)
            self._spelt.setdefault(_spelling(price.service_code), price)
        self._matches = {
            code: self._match(candidates) for code, candidates in codes.candidates.items()
        }

    def find(self, asked: str) -> Price | None:
        """The service requested by a code or by the provider's own name; None for neither.

        A code takes precedence over an identical name, even where it matches no service: the
        caller means the code's service, which is not for sale.
        """
        code = self._codes.code(asked)
        if code is not None:
            return self._matches[code]
        name = asked.strip().lower()
        return self._named.get(name) or self._named.get(_SUFFIX.sub("", name))

    def quotes(self, price: Price) -> bool:
        """Whether the price of a service that was found may be quoted."""
        return price.service_code not in self._withheld

    def code_of(self, service_code: str) -> str:
        """The code of one of the provider's services, or its own name where it has none."""
        return self._code_of.get(service_code.lower(), service_code)

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """All services for sale: those with a code first, the rest by the provider's names."""
        coded = [
            Offer(code, price)
            for code, price in self._matches.items()
            if price and self.quotes(price)
        ]
        return (*coded, *(Offer(price.service_code, price) for price in self.overview.without_code))

    @cached_property
    def overview(self) -> Overview:
        """Each code's service, and the services without a code."""
        taken = {price.service_code for price in self._matches.values() if price}
        return Overview(
            tuple(
                CodeMatch(code, candidates, self._matches[code], self._codes.dialects.get(code, ()))
                for code, candidates in self._codes.candidates.items()
            ),
            # A name that equals a code cannot be requested: the code takes precedence.
            tuple(
                price
                for price in self._prices
                if price.service_code not in taken and self._codes.code(price.service_code) is None
            ),
        )

    @cached_property
    def _code_of(self) -> dict[str, str]:
        known: dict[str, str] = {}
        for code, price in self._matches.items():
            if price is not None:
                known.setdefault(price.service_code.lower(), code)
        for code, candidates in self._codes.candidates.items():
            for name in candidates:  # a rental may be of a service no longer listed
                known.setdefault(name.lower(), code)
        return known

    def _match(self, candidates: Sequence[str]) -> Price | None:
        """The first candidate in stock, else the first in the price list."""
        found = [price for name in candidates if (price := self._lookup(name))]
        return next((price for price in found if price.stock != 0), found[0] if found else None)

    def _lookup(self, name: str) -> Price | None:
        return self._named.get(name.lower()) or self._spelt.get(_spelling(name) or name)


def overview(codes: ServiceCodes, prices: Iterable[Price]) -> Overview:
    """Each code's service by these prices, and the services without a code."""
    return Assortment(codes, prices).overview


def read_overrides(toml: str) -> Candidates:
    """An operator's table: `code = "name"` or `code = ["name", …]`; an empty list drops a code.

    Raises ValueError with a sentence that names the wrong line or code.
    """
    try:
        raw = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is not valid TOML: {error}") from None
    return {code.lower(): _names(code, names) for code, names in raw.items()}


def _names(code: str, raw: object) -> tuple[str, ...]:
    if _CODE.fullmatch(code.lower()) is None:
        raise ValueError(f"{code[:60]!r} is no code: letters, digits, _ and - make one")
    names = [raw] if isinstance(raw, str) else raw
    if not isinstance(names, list) or not all(isinstance(n, str) and n.strip() for n in names):
        raise ValueError(f"the code {code!r} must have a name, or a list of names")
    return tuple(name.strip() for name in names)


def _spelling(name: str) -> str:
    """A name without its separators: `google_voice` becomes `googlevoice`."""
    return _UNSPELT.sub("", name.lower())


def _merged(known: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of two dialects for a code, each once, in its first spelling."""
    merged: dict[str, str] = {}
    for name in (*known, *names):
        merged.setdefault(_spelling(name), name)
    return tuple(merged.values())
