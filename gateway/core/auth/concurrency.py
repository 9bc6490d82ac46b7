"""Concurrency limits: how much one key, one address and all together may hold open at once."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.core.model.errors import GatewayBusy


@dataclass(frozen=True, slots=True)
class Held:
    """A kind of what is held open: its name in the plural, and how many one key may hold."""

    name: str
    of_key: int


class ConcurrencyLimit:
    """Counts what is open. Kinds have limits of their own for a key, and share the others."""

    def __init__(self, total: int, of_address: int) -> None:
        """The most that all together, and that one address may hold."""
        self._total = total
        self._of_address = of_address
        self._open = 0
        self._of_keys: Counter[tuple[str, str]] = Counter()
        self._of_addresses: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many are open."""
        return self._open

    def enter(self, kind: Held, caller_id: str, address: str | None) -> Callable[[], None]:
        """Take a place; returns the function that gives it back, to be called once.

        `address` None: an address without a limit. Raises GatewayBusy.
        """
        key = kind.name, caller_id
        if self._of_keys[key] >= kind.of_key:
            raise GatewayBusy(f"This key has {kind.of_key} {kind.name} open, as many as it may.")
        if address is not None and self._of_addresses[address] >= self._of_address:
            raise _busy("This address has", self._of_address)
        if self._open >= self._total:
            raise _busy("This gateway has", self._total)
        self._count(key, address, 1)
        return lambda: self._count(key, address, -1)

    @contextmanager
    def held(self, kind: Held, caller_id: str, address: str | None) -> Iterator[None]:
        """Hold a place for the length of a block. Raises GatewayBusy."""
        leave = self.enter(kind, caller_id, address)
        try:
            yield
        finally:
            leave()

    def _count(self, key: tuple[str, str], address: str | None, change: int) -> None:
        self._open += change
        self._of_keys[key] += change
        if not self._of_keys[key]:
            del self._of_keys[key]
        if address is not None:
            self._of_addresses[address] += change
            if not self._of_addresses[address]:
                del self._of_addresses[address]


def _busy(who: str, most: int) -> GatewayBusy:
    return GatewayBusy(f"{who} {most} long requests or sessions open, as many as it may.")
