"""The settings of a simulator, with defaults close to the real provider."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from decimal import Decimal
from enum import StrEnum

from pydantic.dataclasses import dataclass

from adapters.simulator.provider.catalogue import Service, generate
from adapters.simulator.provider.quantities import STRICT, ByValue, Money, Seconds, Share, Whole

DEMO_KEY = "sk_demo"


class Style(StrEnum):
    """How JSON bodies are written: as the API page prints them, or as clients report them."""

    PAGE = "page"
    CLIENT = "client"


class WebhookStyle(StrEnum):
    """The webhook's body: five keys, or the newer seven with `status` and `cost`."""

    PAGE = "page"
    NEWER = "newer"


class LimitedBody(StrEnum):
    """The body of a 429: the provider's JSON, or the HTML page of a proxy."""

    JSON = "json"
    HTML = "html"


class Tier(StrEnum):
    """Premium accounts may use the three `-premium` calls."""

    STANDARD = "standard"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True, config=STRICT)
class AccountConfig:
    """A customer. None in `max_active` and `code_after` means the value in `Rules`."""

    key: str = DEMO_KEY
    balance: Money = Decimal("100.00")
    tier: ByValue[Tier] = Tier.STANDARD
    restricted: bool = False
    cancel_at_once: bool = False
    max_active: Whole | None = None
    code_after: Seconds | None = None
    webhook_url: str | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class SampleText:
    """A message that every new long rental receives, `after` seconds from its start."""

    after: Seconds
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


@dataclass(frozen=True, slots=True, config=STRICT)
class Rules:
    """How the provider treats rentals. All delays are seconds.

    `silent` is the share of rents whose numbers get no code by themselves: of every hundred rents
    exactly so many, in an order made from the seed.
    """

    code_after: Seconds = 4.0
    service_code_after: Mapping[str, Seconds] = field(default_factory=dict)
    silent: Share = 0.0
    service_silent: Mapping[str, Share] = field(default_factory=dict)
    next_code_after: Seconds = 8.0
    codes_per_multi_sms: Whole = 3
    cancel_locked: Seconds = 300.0
    max_active: Whole = 50
    refund_expired: bool = True
    maintenance: bool = False
    heeds_max_price: bool = True
    long_prices: Mapping[str, Money] = field(default_factory=lambda: dict(LONG_PRICES))
    sample_texts: tuple[SampleText, ...] = SAMPLE_TEXTS


@dataclass(frozen=True, slots=True, config=STRICT)
class Limits:
    """Requests per `window` seconds, account and call.

    `calls` overrides the limits of single calls; None is no limit. With `refusals_count` off, a
    request answered 429 does not count itself.
    """

    on: bool = True
    rent: Whole = 2
    other: Whole = 1
    premium: Whole = 200
    calls: Mapping[str, Whole | None] = field(default_factory=dict)
    window: Seconds = 1.0
    refusals_count: bool = True
    body: ByValue[LimitedBody] = LimitedBody.JSON
    retry_after: Whole | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class WebhookRules:
    """How a code is announced: at most `attempts` times, `retry_after` seconds apart."""

    style: ByValue[WebhookStyle] = WebhookStyle.PAGE
    attempts: Whole = 3
    retry_after: Seconds = 1.0
    timeout: Seconds = 5.0


@dataclass(frozen=True, slots=True, config=STRICT)
class SimulatorConfig:
    """All settings of a simulator. `services` are added to the catalogue or replace its rows.

    Services in `no_stock` have no numbers at the start.
    Of rentals and of long rentals the first has the id `first_rental_id`, `first_long_rental_id`.
    """

    host: str = "127.0.0.1"
    port: int = 0
    style: ByValue[Style] = Style.CLIENT
    zone: str = "America/New_York"
    accounts: tuple[AccountConfig, ...] = (AccountConfig(),)
    rules: Rules = Rules()
    limits: Limits = Limits()
    webhook: WebhookRules = WebhookRules()
    services: tuple[Service, ...] = ()
    no_stock: frozenset[str] = frozenset()
    catalogue_size: int = 450
    seed: int = 1
    first_rental_id: int = 12345
    first_long_rental_id: int = 1
    log_size: int = 1000
    tick: float = 0.02
    clock: Callable[[], float] = time.time

    def price_list(self) -> list[Service]:
        """The catalogue at the start."""
        listed = (*generate(self.catalogue_size, self.seed), *self.services)
        rows = {each.api_name: each for each in listed}
        empty = {name: replace(rows[name], stock=0) for name in self.no_stock}
        return list((rows | empty).values())

    @classmethod
    def for_load(cls, key: str = DEMO_KEY, code_after: float = 0.0) -> SimulatorConfig:
        """A provider without delays, limits or shortages, for load tests of what calls it."""
        whatsapp = Service("Whatsapp", "whatsapp", Decimal("0.55"), 5)
        return cls(
            accounts=(AccountConfig(key, Decimal("900000.00"), Tier.PREMIUM),),
            rules=Rules(code_after=code_after, cancel_locked=0.0, max_active=10**9),
            limits=Limits(on=False),
            services=(whatsapp,),
        )


class LiveConfig:
    """Holds the present configuration, which the control endpoint replaces at run time."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config

    @property
    def rules(self) -> Rules:
        """The rules of the present configuration."""
        return self.config.rules
