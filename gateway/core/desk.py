"""What an operation works with: everything of one call, bound to its caller."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gateway.core.callers import Caller
from gateway.core.ports import Provider

if TYPE_CHECKING:
    from gateway.core.freshness import PriceBook

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """One caller's desk: the provider as its account sees it, and the policies' helpers."""

    caller: Caller
    provider: Provider
    price_book: "PriceBook"

    async def ask(self, question: Callable[[Provider], Awaitable[T]]) -> T:
        """Put one question to the provider."""
        return await question(self.provider)
