"""The stand-in provider, for those who have no key yet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StandIn:
    """A simulated provider that runs, the key it takes, and the id its first rental gets."""

    url: str
    key: str
    first_rental: int


@asynccontextmanager
async def open_simulator(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[StandIn]:
    """Run a stand-in provider: nothing it sells is real."""
    from adapters.simulator import Rules, Simulator, SimulatorConfig

    # A minute, as the provider's older page says: with five, no short rental can be cancelled.
    config = SimulatorConfig(host=host, port=port, rules=Rules(cancel_locked=60.0))
    async with Simulator(config).running() as simulator:
        yield StandIn(simulator.url, config.accounts[0].key, config.first_rental_id)
