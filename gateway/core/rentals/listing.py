"""Lists of rentals from the ledger, with what could not be written there yet."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Unpack

from gateway.core.model.purchases import View
from gateway.core.model.rentals import Rental, RentalFilter
from gateway.core.model.values import Kind, first_ledger_id
from gateway.core.ports.ledger import Ledger
from gateway.core.rentals.unwritten import Unwritten

_COMPARED = ("status", "service_code", "number", "reference")


class RentalListing:
    """Pages of rentals, newest first."""

    def __init__(
        self, ledger: Ledger, unwritten: Unwritten, seen_in: Callable[[View, Kind, int], bool]
    ) -> None:
        """`seen_in`: whether a rental is known to be in a view."""
        self._ledger = ledger
        self._unwritten = unwritten
        self._seen_in = seen_in

    async def page(
        self, view: View, *, limit: int, before: str | None, **only: Unpack[RentalFilter]
    ) -> Sequence[Rental]:
        """As Ledger.list_rentals, with what is not written yet."""
        read = partial(self._ledger.list_rentals, view, limit=limit, **only)
        rows = await read(before=before)
        if not (self._unwritten.ends or self._unwritten.states):
            return rows
        known = [*self._kept_in(view), *rows]
        while True:  # what is kept may take rows from a page
            last = rows[-1].ledger_id or "" if len(rows) == limit else ""
            found = [
                rental
                for rental in self._up_to_date(view, known)
                if _fits(rental, only)
                if (before is None or (rental.ledger_id or "") < before)
                if (rental.ledger_id or "") >= last
            ]
            if len(found) >= limit or not last:
                return found[:limit]
            rows = await read(before=last)
            known += rows

    def _kept_in(self, view: View) -> list[Rental]:
        """The rentals whose state or purchase is kept and that the view is known to have."""
        bought = (end.outcome.bought for end in self._unwritten.ends.values() if end.is_in(view))
        states = (
            state
            for (account_id, kind, provider_id), (*_, state) in self._unwritten.states.items()
            if account_id == view.account_id
            if view.caller_id is None or self._seen_in(view, kind, provider_id)
        )
        return [rental for rental in (*bought, *states) if isinstance(rental, Rental)]

    def _up_to_date(self, view: View, rows: Iterable[Rental]) -> list[Rental]:
        """The rows as they are known now, newest first, each once."""
        found: dict[str, Rental] = {}
        for row in rows:
            kept = row.id and self._unwritten.known((view.account_id, "rental", row.id))
            if row.ledger_id is not None:
                shown = kept if isinstance(kept, Rental) else row
                found[row.ledger_id] = shown.model_copy(update={"codes": None})
        return [rental for _, rental in sorted(found.items(), reverse=True)]


def _fits(rental: Rental, only: RentalFilter) -> bool:
    """Whether a filter lets it pass."""
    ledger_id, since, until = rental.ledger_id or "", only.get("since"), only.get("until")
    return (
        all(only.get(name) in (None, getattr(rental, name)) for name in _COMPARED)
        and (since is None or ledger_id >= first_ledger_id(since))
        and (until is None or ledger_id < first_ledger_id(until))
    )
