"""One price list: what of it may be quoted, after refusals that contradict it, and its pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from gateway.core.model.prices import ListPrices, Price, PricePage
from gateway.core.prices.search import select, why_empty

_PAGES = 64
YOUNG = 5.0  # seconds; a list younger than that may explain a refusal, and is not read anew for it


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A refusal by the provider that a price list may not account for.

    `sold_out`: the service had no numbers; otherwise its price was too high. `explained_by` tells
    whether a listed price is one at which the purchase had to be refused.
    """

    service_code: str
    sold_out: bool
    explained_by: Callable[[Price], bool]


class PriceList:
    """A complete price list, what of it may be quoted, and the pages made of that.

    `since` is monotonic seconds. `contradicted`: whether a refusal contradicts any of its rows.
    """

    def __init__(self, prices: list[Price], fetched_at: datetime, since: float) -> None:
        self.prices = prices
        self.fetched_at = fetched_at
        self.since = since
        self.contradicted = False
        self._withheld: set[str] = set()
        self._sold_out: set[str] = set()
        self._pages: dict[tuple[ListPrices, bool], PricePage] = {}

    @cached_property
    def by_code(self) -> Mapping[str, Price]:
        """The services by their codes."""
        return {row.service_code: row for row in self.prices}

    def withholds(self, service_code: str | None) -> bool:
        """Whether the price of this service must not be quoted."""
        return service_code in self._withheld

    def correct(self, refusal: Contradiction, at: float) -> None:
        """Correct the row of a service that was refused after this list's fetch had begun.

        A row read within seconds that explains the refusal is left as it is. `at` is monotonic
        seconds.
        """
        row = self.by_code.get(refusal.service_code)
        young = at - self.since <= YOUNG
        if row is None or (young and refusal.explained_by(row)):
            return
        (self._sold_out if refusal.sold_out else self._withheld).add(row.service_code)
        self.contradicted = True
        self._pages.clear()

    def page(self, asked: ListPrices, *, stale: bool) -> PricePage:
        """The requested page; the same object each time, so that faces can cache its bytes."""
        key = (asked, stale)
        page = self._pages.get(key)
        if page is None:
            rows = self.quotable()
            withheld = [row for row in self.prices if self.withholds(row.service_code)]
            data, cursor = select(rows, asked)
            notice = None if data else why_empty(rows, asked, withheld)
            if len(self._pages) >= _PAGES:
                del self._pages[next(iter(self._pages))]
            page = self._pages[key] = PricePage(
                data=data,
                next_cursor=cursor,
                notice=notice,
                fetched_at=self.fetched_at,
                stale=stale,
            )
            if withheld:
                page.withhold(withheld)
        return page

    def quotable(self) -> list[Price]:
        """The rows without those withheld; a service that was sold out has no stock."""
        if not self.contradicted:
            return self.prices
        return [
            row.model_copy(update={"stock": 0}) if row.service_code in self._sold_out else row
            for row in self.prices
            if row.service_code not in self._withheld
        ]
