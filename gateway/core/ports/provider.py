"""The port of the provider."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from gateway.core.model.upstream_call import UpstreamCall

In = TypeVar("In")
Out = TypeVar("Out")


class Provider(Protocol):
    """Sends calls for one account. Each call is sent once: retries are the pipeline's."""

    async def call(self, call: UpstreamCall[In, Out], asked: In) -> Out:
        """Send one call and parse its response.

        Raises GatewayError where the provider refused or failed; OutcomeUnknown where the call
        was a purchase that was sent and whose response was lost.
        """


Connect = Callable[[str], Provider]
"""Creates the Provider for an account's key; opens no connection."""
