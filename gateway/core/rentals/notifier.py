"""Wakes whoever waits for news of a rental: one future a rental, however many wait."""

import asyncio

from gateway.core.model.codes import Code
from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import Rental

News = Rental | Code | GatewayError | None
"""How the rental stands, or a webhook's code, or why nothing could be learned; None: go home."""


class Notifier:
    """Where news of rentals comes in and goes out, within this process."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._waited: dict[tuple[str, int], asyncio.Future[News]] = {}
        self._account_changes: dict[str, asyncio.Future[None]] = {}
        self._closed = False

    def next_news(self, account_id: str, rental_id: int) -> asyncio.Future[News]:
        """The next news of a rental. Await it shielded: others wait for the same."""
        key = account_id, rental_id
        future = self._waited.get(key)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            if self._closed:
                future.set_result(None)
            else:
                self._waited[key] = future
        return future

    def next_account_change(self, account_id: str) -> asyncio.Future[None]:
        """The next time anything happens in an account. Await it shielded."""
        future = self._account_changes.get(account_id)
        if future is None:
            future = self._account_changes[account_id] = asyncio.get_running_loop().create_future()
        return future

    def wake(self, account_id: str, rental_id: int, news: News) -> None:
        """Tell everybody who waits for this rental."""
        future = self._waited.pop((account_id, rental_id), None)
        if future is not None and not future.done():
            future.set_result(news)
        self.account_changed(account_id)

    def account_changed(self, account_id: str) -> None:
        """Something happened in an account."""
        future = self._account_changes.pop(account_id, None)
        if future is not None and not future.done():
            future.set_result(None)

    def shut_down(self) -> None:
        """The gateway ends: whoever waits, now or from now on, is told to come back later."""
        self._closed = True
        waited, self._waited = self._waited, {}
        account_changes, self._account_changes = self._account_changes, {}
        for future in waited.values():
            future.set_result(None)
        for account_changed in account_changes.values():
            account_changed.set_result(None)

    def drop_account(self, account_id: str) -> None:
        """Nobody listens to the account any more."""
        self._account_changes.pop(account_id, None)

    def waited_for(self, account_id: str, rental_id: int) -> bool:
        """Whether anybody in this process waits for the rental."""
        return (account_id, rental_id) in self._waited

    def forget(self, account_id: str, rental_id: int) -> None:
        """Nobody waits any more."""
        self._waited.pop((account_id, rental_id), None)
