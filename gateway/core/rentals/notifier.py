"""In-process notifications: one future for each rental or account, shared by all waiters."""

import asyncio
from collections.abc import Callable

from gateway.core.model.codes import Code
from gateway.core.model.errors import GatewayError
from gateway.core.model.rentals import Rental

News = Rental | Code | GatewayError | None
"""The rental's new state, a webhook's code, or the error of reading its status; None: the gateway
shuts down."""


class Notifier:
    """Notifies the waiters of rentals and accounts in this process."""

    def __init__(self) -> None:
        """`closed` is set when the gateway shuts down: no wait goes on then."""
        self._waited: dict[tuple[str, int], asyncio.Future[News]] = {}
        self._account_changes: dict[str, asyncio.Future[None]] = {}
        self.closed = asyncio.Event()
        self._tell: tuple[Callable[[str], None], ...] = ()

    def when_account_changed(self, tell: Callable[[str], None]) -> None:
        """Set what is called with the id of each account in which something changed.

        The event loop calls it, after whoever tells of the change.
        """
        self._tell += (tell,)

    def next_news(self, account_id: str, rental_id: int) -> asyncio.Future[News]:
        """A future of the rental's next news. It is shared: await it with asyncio.shield."""
        key = account_id, rental_id
        future = self._waited.get(key)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            if self.closed.is_set():
                future.set_result(None)
            else:
                self._waited[key] = future
        return future

    def next_account_change(self, account_id: str) -> asyncio.Future[None]:
        """A future of the account's next change. It is shared: await it with asyncio.shield."""
        future = self._account_changes.get(account_id)
        if future is None:
            future = self._account_changes[account_id] = asyncio.get_running_loop().create_future()
        return future

    def wake(self, account_id: str, rental_id: int, news: News) -> None:
        """Pass news to all waiters of this rental, and wake those of its account."""
        future = self._waited.pop((account_id, rental_id), None)
        if future is not None and not future.done():
            future.set_result(news)
        self.account_changed(account_id)

    def account_changed(self, account_id: str) -> None:
        """Wake all waiters of an account: something in it changed."""
        future = self._account_changes.pop(account_id, None)
        if future is not None and not future.done():
            future.set_result(None)
        for tell in self._tell:
            asyncio.get_running_loop().call_soon(tell, account_id)

    def shut_down(self) -> None:
        """Wake all waiters with None; later waits for news end at once."""
        self.closed.set()
        waited, self._waited = self._waited, {}
        account_changes, self._account_changes = self._account_changes, {}
        for future in waited.values():
            future.set_result(None)
        for account_changed in account_changes.values():
            account_changed.set_result(None)

    def drop_account(self, account_id: str) -> None:
        """Remove an account that has no waiters any more."""
        self._account_changes.pop(account_id, None)

    def waited_for(self, account_id: str, rental_id: int) -> bool:
        """Whether the rental has waiters in this process."""
        return (account_id, rental_id) in self._waited

    def forget(self, account_id: str, rental_id: int) -> None:
        """Remove a rental that has no waiters any more."""
        self._waited.pop((account_id, rental_id), None)
