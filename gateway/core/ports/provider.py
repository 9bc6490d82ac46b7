"""The provider, as one account sees it."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from gateway.core.model.upstream_call import UpstreamCall

In = TypeVar("In")
Out = TypeVar("Out")


class Provider(Protocol):
    """Sends calls for one account, each once: nothing is repeated here."""

    async def call(self, call: UpstreamCall[In, Out], asked: In) -> Out:
        """Send one call and read its answer.

        Raises GatewayError: what the provider refused or how it failed. OutcomeUnknown where the
        call was a purchase that may have been made, because it was sent and its answer was lost.
        """


Connect = Callable[[str], Provider]
"""The provider for the account with this key; opens no connection."""
