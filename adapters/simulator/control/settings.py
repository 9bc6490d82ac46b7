"""Changing what is in force while the simulator runs."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from adapters.simulator.control import fields as told
from adapters.simulator.provider.catalogue import Service
from adapters.simulator.provider.config import AccountConfig, SimulatorConfig
from adapters.simulator.provider.provider import Provider
from adapters.simulator.provider.records import Account

SETTINGS = ("style", "limits", "webhook", "services", "accounts", *told.RULES)


def change(provider: Provider, changes: Mapping[str, object]) -> None:
    """Applies all the changes, or raises ValueError and applies none."""
    unknown = sorted(changes.keys() - set(SETTINGS))
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(SETTINGS)}")
    config = _config(provider.in_force.config, changes)
    services = [
        told.read_service(_service(provider, api_name), raw)
        for api_name, raw in told.mapping(changes.get("services", {})).items()
    ]
    accounts = [
        (account, told.read_account(replace(account.config, balance=account.balance), raw))
        for account, raw in _accounts(provider, changes)
    ]
    provider.in_force.config = config
    for service in services:
        provider.catalogue.put(service)
    for account, account_config in accounts:
        _apply(account, account_config)


def _config(config: SimulatorConfig, changes: Mapping[str, object]) -> SimulatorConfig:
    config = replace(config, rules=told.read_rules(config.rules, changes))
    if "style" in changes:
        config = replace(config, style=told.read_style(changes["style"]))
    if "limits" in changes:
        config = replace(config, limits=told.read_limits(config.limits, changes["limits"]))
    if "webhook" in changes:
        config = replace(config, webhook=told.read_webhook(config.webhook, changes["webhook"]))
    return config


def _service(provider: Provider, api_name: str) -> Service:
    known = next((s for s in provider.catalogue if s.api_name == api_name), None)
    return known or Service(api_name.capitalize(), api_name, Decimal("1.00"), 10)


def _accounts(provider: Provider, changes: Mapping[str, object]) -> list[tuple[Account, object]]:
    named = told.mapping(changes.get("accounts", {}))
    missing = sorted(named.keys() - provider.books.accounts.keys())
    if missing:
        raise ValueError(f"no such account: {', '.join(missing)}")
    return [(provider.books.accounts[key], raw) for key, raw in named.items()]


def _apply(account: Account, config: AccountConfig) -> None:
    account.deposited += config.balance - account.balance
    account.config = replace(config, key=account.key)
