"""The simulated provider, for running the gateway without a key."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import AnyHttpUrl, SecretStr

from gateway.settings import Settings

# A minute, as in the provider's older page: with five, no short rental could be cancelled.
CANCEL_LOCK_SECONDS = 60.0
CODE_AFTER_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running simulated provider: its URL, its key, and the id of its first rental.

    `expiry_refunds`: whether it gives the price back when a rental ends without a code.
    """

    url: str
    key: str
    first_rental: int
    expiry_refunds: bool


@asynccontextmanager
async def open_simulator(
    host: str = "127.0.0.1",
    port: int = 0,
    /,
    *,
    silent: float = 0.0,
    code_after: float = CODE_AFTER_SECONDS,
    cancel_lock: float = CANCEL_LOCK_SECONDS,
    no_stock: frozenset[str] = frozenset(),
) -> AsyncIterator[StandIn]:
    """Run a simulated provider; port 0 picks a free one.

    `silent`: the share of numbers that get no code; `code_after`: how many seconds after its rent
    a number gets one; `cancel_lock`: for how many it cannot be cancelled; `no_stock`: services
    that have no numbers.
    Its ids begin at the milliseconds since 1970: a ledger that outlives it meets none again.
    """
    from adapters.simulator import Rules, Simulator, SimulatorConfig

    first = int(time.time() * 1000)
    config = SimulatorConfig(
        host=host,
        port=port,
        rules=Rules(silent=silent, code_after=code_after, cancel_locked=cancel_lock),
        no_stock=no_stock,
        first_rental_id=first,
        first_long_rental_id=first,
    )
    async with Simulator(config).running() as simulator:
        refunds = config.rules.refund_expired
        yield StandIn(simulator.url, config.accounts[0].key, config.first_rental_id, refunds)


def simulated_services() -> list[str]:
    """The service codes on the simulated provider's price list."""
    from adapters.simulator import SimulatorConfig

    return [each.api_name for each in SimulatorConfig().price_list()]


def pointed_at(settings: Settings, provider: StandIn, data: str) -> Settings:
    """The settings with another provider and a ledger of its own.

    The real provider's key must not be sent to it, nor its rentals be mixed with real ones.
    """
    return settings.model_copy(
        update={
            "getatext_base_url": AnyHttpUrl(provider.url),
            "getatext_api_key": SecretStr(provider.key),
            "getatext_proxy": None,
            "getatext_tier": "standard",
            "getatext_timezone": "America/New_York",
            "getatext_expiry_refunds": provider.expiry_refunds,
            "gateway_pass_through": True,
            "gateway_database_url": f"sqlite:///{data}/simulated.db",
        }
    )
