"""Changing the settings while the simulator runs.

A change names only some fields of a record. `replace` builds the changed record through its
constructor, which validates every field and refuses unknown names.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

from adapters.simulator.provider.catalogue import Service
from adapters.simulator.provider.config import AccountConfig, SimulatorConfig, Style
from adapters.simulator.provider.provider import SimulatedProvider
from adapters.simulator.provider.quantities import ByValue
from adapters.simulator.provider.records import Account

Fields = dict[str, Any]


class Changes(BaseModel):
    """What to change. A name that is not declared here is a field of `Rules`.

    `limits` may also be true or false, which switches all limits on or off. `accounts` is keyed by
    key; `services` by `api_name`, where a service not yet on the price list is added to it.
    """

    model_config = ConfigDict(strict=True, extra="allow")

    style: ByValue[Style] = Style.CLIENT
    limits: bool | Fields = {}
    webhook: Fields = {}
    services: dict[str, Fields] = {}
    accounts: dict[str, Fields] = {}


def change(provider: SimulatedProvider, changes: Changes) -> None:
    """Applies all the changes, or raises ValueError and applies none."""
    config = _config(provider.live.config, changes)
    services = [_service(provider, name, fields) for name, fields in changes.services.items()]
    accounts = [_account(provider, key, fields) for key, fields in changes.accounts.items()]
    provider.live.config = config
    for service in services:
        provider.catalogue.put(service)
    for account, account_config in accounts:
        account.deposited += account_config.balance - account.balance
        account.config = replace(account_config, key=account.key)


def _config(config: SimulatorConfig, changes: Changes) -> SimulatorConfig:
    limits = {"on": changes.limits} if isinstance(changes.limits, bool) else changes.limits
    return replace(
        config,
        rules=replace(config.rules, **(changes.model_extra or {})),
        limits=replace(config.limits, **limits),
        webhook=replace(config.webhook, **changes.webhook),
        style=changes.style if "style" in changes.model_fields_set else config.style,
    )


def _service(provider: SimulatedProvider, api_name: str, fields: Fields) -> Service:
    if "api_name" in fields:
        raise ValueError("api_name cannot be changed")
    known = next((s for s in provider.catalogue if s.api_name == api_name), None)
    new = Service(api_name.capitalize(), api_name, Decimal("1.00"), 10)
    return replace(known or new, **fields)


def _account(
    provider: SimulatedProvider, key: str, fields: Fields
) -> tuple[Account, AccountConfig]:
    account = provider.books.accounts.get(key)
    if account is None:
        raise ValueError(f"no such account: {key}")
    return account, replace(replace(account.config, balance=account.balance), **fields)
