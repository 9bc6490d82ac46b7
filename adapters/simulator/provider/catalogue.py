"""The catalogue: a price list generated from a seed, and the stock of each service."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from pydantic.dataclasses import dataclass

from adapters.simulator.provider.quantities import CENT, STRICT, Money, Whole
from adapters.simulator.provider.refusals import Reason, Refusal


@dataclass(frozen=True, slots=True, config=STRICT)
class Service:
    """One row of the price list. A `stock` of None is unknown and never runs out."""

    name: str
    api_name: str
    price: Money
    ttl_minutes: Whole
    stock: Whole | None = None
    multiple_sms: bool = False
    maintenance: bool = False


WHATSAPP = Service("Whatsapp", "whatsapp", Decimal("0.55"), 5, stock=120, multiple_sms=True)
"""The row that every version of the API page prints."""


def generate(size: int, seed: int) -> list[Service]:
    """A list of `size` services, always the same for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - must be reproducible, not secure
    invented = [
        f"{first} {second}" for first in _split(FIRST_HALVES) for second in _split(SECOND_HALVES)
    ]
    rng.shuffle(invented)
    names = (_split(WELL_KNOWN)[1:] + invented)[: max(size - 1, 0)]
    return [WHATSAPP, *(_make(name, rng, index) for index, name in enumerate(names, start=1))]


def _make(name: str, rng: random.Random, index: int) -> Service:
    stock: int | None = rng.randint(20, 900)
    if index % 17 == 16:
        stock = 0
    elif index % 11 == 10:
        stock = None
    return Service(
        name=name,
        api_name=name.lower().replace(" ", "_"),
        price=Decimal(rng.randint(10, 300)) * CENT,
        ttl_minutes=rng.randint(5, 20),
        stock=stock,
        multiple_sms=index % 5 == 4,
    )


class Catalogue:
    """The services by `api_name`; `version` increases with every change."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._services = {service.api_name: service for service in services}
        self.version = 0

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services.values())

    def __len__(self) -> int:
        return len(self._services)

    def find(self, api_name: str) -> Service:
        """The service of that name. Raises `Refusal`."""
        service = self._services.get(api_name)
        if service is None:
            raise Refusal.of(Reason.SERVICE_NOT_FOUND)
        return service

    def put(self, service: Service) -> None:
        """Adds a service, or replaces the one of the same `api_name`."""
        self._services[service.api_name] = service
        self.version += 1

    def take(self, api_name: str) -> None:
        """Takes one number out of stock."""
        self._move(api_name, -1)

    def give_back(self, api_name: str) -> None:
        """Puts one number back into stock."""
        self._move(api_name, 1)

    def _move(self, api_name: str, numbers: int) -> None:
        service = self._services[api_name]
        if service.stock is not None:
            self.put(replace(service, stock=max(service.stock + numbers, 0)))


# Display names; the api_name is the same in lower case with underscores for blanks.
WELL_KNOWN = """
Whatsapp, Telegram, Google, Instagram/Threads, Discord, Openai, Facebook, Twitter, Tiktok, Tinder,
Microsoft, Amazon, Apple, Paypal, Uber, Lyft, Viber, Wechat, Claude, Reddit, Yahoo, Aol,
Protonmail, Signal, Steam, Coinbase, Venmo, Chime, Robinhood, Doordash, Craigslist, Offerup,
Nextdoor, Bumble, Hinge, Badoo, Match, Okcupid, Plentyoffish, Line, Kakaotalk, Skype, Spotify,
Twitch, Roblox, Epicgames, Blizzard, Fiverr, Upwork, Shopify, Walmart, Mercari, Poshmark, Depop,
Whatnot, Vinted, Stripe, Wise, Revolut, Payoneer, Skrill, Affirm, Klarna, Nike, Adidas, Mcdonalds,
Starbucks, Ticketmaster, Gofundme, Indeed, Googlevoice, Temu, Shein, Alibaba, Aliexpress, Naver,
Snapchat, Netflix, Ebay, Airbnb, Linkedin, Bolt, Vercel, Zoho, Twilio, Grindr, Gmail, Youtube,
Outlook, Hotmail, Other
"""

FIRST_HALVES = """
Acorn, Amber, Apex, Aspen, Atlas, Beacon, Birch, Blue, Bright, Cedar, Clover, Coral, Delta, Echo,
Ember, Falcon, Fern, Gold, Harbor, Hazel, Indigo, Iron, Jade, Juniper, Kite, Lark, Lumen, Maple,
Meadow, Nova, Oak, Onyx, Opal, Orbit, Pebble, Pine, Quartz, Raven, River, Sage, Silver, Slate,
Solar, Stone, Swift, Tidal, Umber, Velvet, Willow, Zephyr
"""

SECOND_HALVES = """
Bank, Cart, Cash, Chat, Date, Deals, Drive, Eats, Games, Jobs, Mail, Market, Pay, Rides, Social,
Stays
"""


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.replace("\n", " ").split(",")]
