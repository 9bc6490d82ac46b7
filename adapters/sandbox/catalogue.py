"""What the sandbox sells, and the scenarios, which are services too."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType

from gateway.core.model.long_rentals import Period
from gateway.core.model.prices import Price

SILENT = "test_silent"
"""No code ever comes."""
OUT_OF_STOCK = "test_out_of_stock"
"""Every rent is refused."""
LOST_ANSWER = "test_lost_answer"
"""The answer of every rent is lost, and what it bought is found after FOUND_AFTER."""

CODES_AFTER = (timedelta(seconds=5), timedelta(seconds=20))
"""How long after the rent each code comes; the second one only where several can."""
LOCKED_FOR = timedelta(seconds=10)
"""How long a rental cannot be cancelled: longer than its code takes, so that no code is lost."""
FOUND_AFTER = timedelta(seconds=10)

BALANCE = Decimal("100.00")
"""Always the same: what is bought takes nothing off it."""

_SOLD = (
    # code, name, price, minutes, several codes, stock
    ("amazon", "Amazon", "0.40", 5, False, 100),
    ("discord", "Discord", "0.25", 5, False, 100),
    ("facebook", "Facebook", "0.35", 5, False, 100),
    ("google", "Google", "0.50", 5, True, 100),
    ("instagram", "Instagram", "0.30", 5, False, 100),
    ("other", "Other", "0.60", 5, False, 100),
    ("telegram", "Telegram", "0.90", 5, True, 100),
    ("tiktok", "TikTok", "0.20", 5, False, 100),
    ("whatsapp", "WhatsApp", "0.55", 5, False, 100),
    (LOST_ANSWER, "Test: the answer is lost", "0.50", 5, False, 100),
    (OUT_OF_STOCK, "Test: out of stock", "0.50", 5, False, 0),
    (SILENT, "Test: no code comes", "0.50", 2, False, 100),
)
SERVICES: Mapping[str, Price] = MappingProxyType(
    {
        code: Price(
            service_code=code,
            service_name=name,
            price=Decimal(price),
            stock=stock,
            ttl_minutes=minutes,
            multiple_sms=several,
        )
        for code, name, price, minutes, several, stock in _SOLD
    }
)
LONG_PRICES: Mapping[Period, Decimal] = MappingProxyType(
    {
        Period.ONE_WEEK: Decimal("10.00"),
        Period.TWO_WEEKS: Decimal("18.00"),
        Period.ONE_MONTH: Decimal("30.00"),
        Period.ONE_YEAR: Decimal("240.00"),
    }
)
PERIODS: Mapping[Period, timedelta] = MappingProxyType(
    {
        Period.ONE_WEEK: timedelta(days=7),
        Period.TWO_WEEKS: timedelta(days=14),
        Period.ONE_MONTH: timedelta(days=30),
        Period.ONE_YEAR: timedelta(days=365),
    }
)
