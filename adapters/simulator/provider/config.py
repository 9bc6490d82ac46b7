"""Everything about a simulator that can be chosen, with defaults close to the real provider."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from adapters.simulator.provider.catalogue import Service

NEVER = math.inf
"""A delay after which nothing comes."""

DEMO_KEY = "sk_demo"


class Style(StrEnum):
    """How bodies are written: as the API page prints them, or as clients report them."""

    PAGE = "page"
    CLIENT = "client"


class WebhookStyle(StrEnum):
    """The webhook's body: five keys, or the newer seven with `status` and `cost`."""

    PAGE = "page"
    NEWER = "newer"


class LimitedBody(StrEnum):
    """What a 429 carries: the provider's JSON, or a proxy's page."""

    JSON = "json"
    HTML = "html"


class Tier(StrEnum):
    """Premium accounts may use the three `-premium` calls."""

    STANDARD = "standard"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """A customer. None in `max_active` and `code_after` means: as the rules say."""

    key: str = DEMO_KEY
    balance: Decimal = Decimal("100.00")
    tier: Tier = Tier.STANDARD
    restricted: bool = False
    cancel_at_once: bool = False
    max_active: int | None = None
    code_after: float | None = None
    webhook_url: str | None = None


@dataclass(frozen=True, slots=True)
class SampleText:
    """A message every new long rental receives, so many seconds after it was made."""

    after: float
    sender: str
    text: str


LONG_PRICES = {
    "1w": Decimal("10.55"),
    "2w": Decimal("18.00"),
    "1m": Decimal("30.00"),
    "1y": Decimal("250.00"),
}
SAMPLE_TEXTS = (
    SampleText(3.0, "8888", "This is a example message"),
    SampleText(8.0, "22395", "Your verification code is 048213"),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """The provider's habits with rentals. All delays are seconds."""

    code_after: float = 4.0
    service_code_after: Mapping[str, float] = field(default_factory=dict)
    next_code_after: float = 8.0
    codes_per_multi_sms: int = 3
    cancel_locked: float = 300.0
    max_active: int = 50
    refund_expired: bool = True
    maintenance: bool = False
    heeds_max_price: bool = True
    long_prices: Mapping[str, Decimal] = field(default_factory=lambda: dict(LONG_PRICES))
    sample_texts: tuple[SampleText, ...] = SAMPLE_TEXTS


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second, per account and call; `calls` overrides single calls, None lifts one.

    With `refusals_count` off, a request answered 429 does not fill the window itself.
    """

    on: bool = True
    rent: int = 2
    other: int = 1
    premium: int = 200
    calls: Mapping[str, int | None] = field(default_factory=dict)
    window: float = 1.0
    refusals_count: bool = True
    body: LimitedBody = LimitedBody.JSON
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """How stubbornly a code is announced: `attempts` in all, `retry_after` seconds apart."""

    style: WebhookStyle = WebhookStyle.PAGE
    attempts: int = 3
    retry_after: float = 1.0
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """One stand-in provider. `services` are added to the catalogue or replace rows of it."""

    host: str = "127.0.0.1"
    port: int = 0
    style: Style = Style.CLIENT
    zone: str = "America/New_York"
    accounts: tuple[AccountConfig, ...] = (AccountConfig(),)
    rules: Rules = Rules()
    limits: Limits = Limits()
    webhook: WebhookRules = WebhookRules()
    services: tuple[Service, ...] = ()
    catalogue_size: int = 450
    seed: int = 1
    first_rental_id: int = 12345
    log_size: int = 1000
    tick: float = 0.02
    clock: Callable[[], float] = time.time

    @classmethod
    def for_load(cls, key: str = DEMO_KEY, code_after: float = 0.0) -> SimulatorConfig:
        """A provider without latency, limits or shortages, to measure what stands before it."""
        endless = Service("Whatsapp", "whatsapp", Decimal("0.55"), 5)
        return cls(
            accounts=(AccountConfig(key, Decimal("1000000000.00"), Tier.PREMIUM),),
            rules=Rules(code_after=code_after, cancel_locked=0.0, max_active=10**9),
            limits=Limits(on=False),
            services=(endless,),
        )


@dataclass(slots=True)
class InForce:
    """The configuration as the control endpoint has left it, read anew at every use."""

    config: SimulatorConfig

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self.config.rules
