"""Has rentals polled at full pace for webhooks that are to tell their codes."""

from collections.abc import Callable, Collection, Sequence

from gateway.core.codes.subscription import Subscription
from gateway.core.model.events import Event
from gateway.core.model.purchases import View
from gateway.core.ports.clock import Clock


class WebhookListening:
    """Listens as a client of the event stream does: one subscription for each view.

    Every node listens; which of them polls a rental is the poller's matter.
    """

    def __init__(self, subscribe: Callable[[View], Subscription | None], clock: Clock) -> None:
        """`subscribe` gives a new subscription; None where the account's key is not in memory."""
        self._subscribe = subscribe
        self._clock = clock
        self._of_view: dict[View, Subscription] = {}

    @property
    def is_on(self) -> bool:
        """Whether it listens for any view."""
        return bool(self._of_view)

    async def just(self, views: Collection[View]) -> None:
        """Listen for these views and no others."""
        for view in self._of_view.keys() - set(views):
            self._of_view.pop(view).close()
        for view in views:
            if view not in self._of_view and (begun := self._subscribe(view)) is not None:
                await self._start(view, begun)

    def follow(self, view: View, events: Sequence[Event]) -> None:
        """Listen to what is new in a view, and no longer to what has its code or has ended."""
        subscription = self._of_view.get(view)
        if subscription is None:
            return
        subscription.follow(events)
        subscription.when_finished(events, subscription.drop)

    def close(self) -> None:
        """Listen no more."""
        while self._of_view:
            self._of_view.popitem()[1].close()

    async def _start(self, view: View, begun: Subscription) -> None:
        """Registered first, so that no event is missed; where it fails, it is begun anew later."""
        self._of_view[view] = begun
        try:
            await begun.start(self._clock.now())
        except BaseException:
            self._of_view.pop(view, None)
            begun.close()
            raise
