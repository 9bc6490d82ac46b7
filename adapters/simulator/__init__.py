"""A simulated Getatext on a real socket: its oddities, rate limits, faults and exact accounts.

```python
async with Simulator(SimulatorConfig(style=Style.PAGE)).running() as sim:
    sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
    ...  # talk to sim.url with the key DEMO_KEY
    assert sim.books.spent == Decimal("0.55")
```

It imports nothing of the gateway, so that an error in one cannot hide the same error in the other.
Everything in it comes from the provider's own API page, from public clients, or from notes of live
calls.

`provider` is the simulated provider without a socket, `wire` its HTTP APIs and webhook, `control`
the endpoint that steers it, and `server` puts them on a socket.
"""

from adapters.simulator.provider.catalogue import Service
from adapters.simulator.provider.config import (
    DEMO_KEY,
    AccountConfig,
    LimitedBody,
    Limits,
    Rules,
    SampleText,
    SimulatorConfig,
    Style,
    Tier,
    WebhookRules,
    WebhookStyle,
)
from adapters.simulator.provider.faults import Fault, FaultKind
from adapters.simulator.provider.journal import Received
from adapters.simulator.provider.quantities import NEVER
from adapters.simulator.provider.records import LongStatus, RentalStatus
from adapters.simulator.server import Simulator

__all__ = [
    "DEMO_KEY",
    "NEVER",
    "AccountConfig",
    "Fault",
    "FaultKind",
    "LimitedBody",
    "Limits",
    "LongStatus",
    "Received",
    "RentalStatus",
    "Rules",
    "SampleText",
    "Service",
    "Simulator",
    "SimulatorConfig",
    "Style",
    "Tier",
    "WebhookRules",
    "WebhookStyle",
]
