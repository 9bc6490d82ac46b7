"""Reading what the control endpoint is told. Strict: an unknown or odd field is a ValueError."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeVar

from adapters.simulator.provider.catalogue import Service, to_cents
from adapters.simulator.provider.config import (
    NEVER,
    AccountConfig,
    LimitedBody,
    Limits,
    Rules,
    Style,
    Tier,
    WebhookRules,
    WebhookStyle,
)
from adapters.simulator.provider.faults import Fault, FaultKind

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)

Reader = Callable[[object], object]
Readers = Mapping[str, Reader]


def seconds(raw: object) -> float:
    """A delay; null and "never" are never."""
    if raw is None or raw == "never":
        return NEVER
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or raw < 0 or math.isnan(raw):
        raise ValueError(f"not a number of seconds: {raw!r}")
    return float(raw)


def some_seconds(raw: object) -> float:
    """A delay that ends."""
    delay = seconds(raw)
    if delay == NEVER:
        raise ValueError(f"not a number of seconds: {raw!r}")
    return delay


def whole(raw: object) -> int:
    """A whole number, not below zero."""
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 0:
        raise ValueError(f"not a whole number: {raw!r}")
    return raw


def words(raw: object) -> str:
    """A text."""
    if not isinstance(raw, str):
        raise ValueError(f"not a text: {raw!r}")
    return raw


def yes_no(raw: object) -> bool:
    """A boolean."""
    if not isinstance(raw, bool):
        raise ValueError(f"not true or false: {raw!r}")
    return raw


def money(raw: object) -> Decimal:
    """An amount as a number or text, not below zero, rounded to the cent."""
    try:
        amount = Decimal(str(raw))
        if not amount.is_finite() or amount < 0:
            raise ValueError(f"not an amount: {raw!r}")
        return to_cents(amount)
    except InvalidOperation:
        raise ValueError(f"not an amount: {raw!r}") from None


def mapping(raw: object) -> Mapping[str, object]:
    """A JSON object."""
    if not isinstance(raw, dict):
        raise ValueError(f"not an object: {raw!r}")
    return raw


def body_text(raw: object) -> str:
    """A body as it is to be sent: a text as it stands, anything else as JSON."""
    return raw if isinstance(raw, str) else json.dumps(raw)


def or_none(reader: Reader) -> Reader:
    """The same, or null."""
    return lambda raw: None if raw is None else reader(raw)


def each(reader: Reader) -> Reader:
    """A JSON object of such values."""
    return lambda raw: {name: reader(value) for name, value in mapping(raw).items()}


RULES: Readers = {
    "code_after": seconds,
    "service_code_after": each(seconds),
    "next_code_after": seconds,
    "codes_per_multi_sms": whole,
    "cancel_locked": seconds,
    "max_active": whole,
    "refund_expired": yes_no,
    "maintenance": yes_no,
    "heeds_max_price": yes_no,
    "long_prices": each(money),
}
LIMITS: Readers = {
    "on": yes_no,
    "rent": whole,
    "other": whole,
    "premium": whole,
    "calls": each(or_none(whole)),
    "window": seconds,
    "refusals_count": yes_no,
    "body": lambda raw: LimitedBody(words(raw)),
    "retry_after": or_none(whole),
}
WEBHOOK: Readers = {
    "style": lambda raw: WebhookStyle(words(raw)),
    "attempts": whole,
    "retry_after": seconds,
    "timeout": seconds,
}
SERVICE: Readers = {
    "name": words,
    "price": money,
    "ttl_minutes": whole,
    "stock": or_none(whole),
    "multiple_sms": yes_no,
    "maintenance": yes_no,
}
ACCOUNT: Readers = {
    "key": words,
    "balance": money,
    "tier": lambda raw: Tier(words(raw)),
    "restricted": yes_no,
    "cancel_at_once": yes_no,
    "max_active": or_none(whole),
    "code_after": or_none(seconds),
    "webhook_url": or_none(words),
}
FAULT: Readers = {
    "call": words,
    "kind": lambda raw: FaultKind(words(raw)),
    "times": or_none(whole),
    "status": whole,
    "body": body_text,
    "content_type": or_none(words),
    "headers": each(words),
    "seconds": seconds,
    "after_work": yes_no,
    "account": or_none(words),
}


def read(changes: Mapping[str, object], readers: Readers) -> dict[str, object]:
    """The values of known fields; an unknown one is an error."""
    unknown = sorted(changes.keys() - readers.keys())
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(readers)}")
    return {name: readers[name](raw) for name, raw in changes.items()}


def changed(record: Record, changes: object, readers: Readers) -> Record:
    """The record with the named fields changed."""
    return replace(record, **read(mapping(changes), readers))


def read_rules(rules: Rules, changes: Mapping[str, object]) -> Rules:
    """The rules with the changes that are about rules."""
    return changed(rules, {k: v for k, v in changes.items() if k in RULES}, RULES)


def read_limits(limits: Limits, raw: object) -> Limits:
    """The limits changed; true and false switch them on and off."""
    return replace(limits, on=raw) if isinstance(raw, bool) else changed(limits, raw, LIMITS)


def read_webhook(rules: WebhookRules, raw: object) -> WebhookRules:
    """The webhook's rules changed."""
    return changed(rules, raw, WEBHOOK)


def read_service(service: Service, raw: object) -> Service:
    """The service changed."""
    return changed(service, raw, SERVICE)


def read_account(account: AccountConfig, raw: object) -> AccountConfig:
    """The account changed."""
    return changed(account, raw, ACCOUNT)


def read_style(raw: object) -> Style:
    """The style of answers."""
    return Style(words(raw))


def read_fault(raw: object) -> Fault:
    """A fault; `call` and `kind` must be there."""
    named = mapping(raw)
    if not {"call", "kind"} <= named.keys():
        raise ValueError("call and kind are needed")
    return changed(Fault("", FaultKind.STATUS), named, FAULT)
