"""Wakes those who wait for news of a rental: one future for a rental, however many wait."""

import asyncio

from gateway.core.model.codes import Code
from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import Rental

News = Rental | Code | GatewayError | None
"""The rental as it is now, a webhook's code, or why its status could not be read; None: the
gateway shuts down."""


class Notifier:
    """Passes news of rentals and accounts on, within this process."""

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
        """Done the next time anything changes in an account. Await it shielded."""
        future = self._account_changes.get(account_id)
        if future is None:
            future = self._account_changes[account_id] = asyncio.get_running_loop().create_future()
        return future

    def wake(self, account_id: str, rental_id: int, news: News) -> None:
        """Give news to everybody who waits for this rental."""
        future = self._waited.pop((account_id, rental_id), None)
        if future is not None and not future.done():
            future.set_result(news)
        self.account_changed(account_id)

    def account_changed(self, account_id: str) -> None:
        """Wake everybody who listens to an account: something in it changed."""
        future = self._account_changes.pop(account_id, None)
        if future is not None and not future.done():
            future.set_result(None)

    def shut_down(self) -> None:
        """The gateway shuts down: wake everybody, and let nobody wait from now on."""
        self._closed = True
        waited, self._waited = self._waited, {}
        account_changes, self._account_changes = self._account_changes, {}
        for future in waited.values():
            future.set_result(None)
        for account_changed in account_changes.values():
            account_changed.set_result(None)

    def drop_account(self, account_id: str) -> None:
        """Forget an account that nobody listens to any more."""
        self._account_changes.pop(account_id, None)

    def waited_for(self, account_id: str, rental_id: int) -> bool:
        """Whether anybody in this process waits for the rental."""
        return (account_id, rental_id) in self._waited

    def forget(self, account_id: str, rental_id: int) -> None:
        """Forget a rental that nobody waits for any more."""
        self._waited.pop((account_id, rental_id), None)
