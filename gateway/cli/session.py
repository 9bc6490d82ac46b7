"""Opens a gateway for the time of one command: the one way for all that do not serve callers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from gateway.cli.exit_codes import MISUSED

if TYPE_CHECKING:
    from gateway.core.model.callers import Caller
    from gateway.settings import Settings
    from gateway.wiring import Gateway

T = TypeVar("T")

NO_KEY = "No key is set."
KEY_ADVICE = "Set the environment variable GETATEXT_API_KEY to your key from https://getatext.com."


class StoreFailed(click.ClickException):
    """The database cannot be opened or used; the message says why."""

    exit_code = MISUSED


def session_settings() -> Settings:
    """The settings for a command at a terminal, with the log set up by them.

    Raises BadSettings. Who sits here holds the account's key, so it is always passed through. The
    log shows warnings and errors only, unless the settings name a level.
    """
    from gateway.cli.configuration import read_settings, secrets_of
    from gateway.telemetry import logs

    settings = read_settings(gateway_pass_through=True)
    named = "gateway_log_level" in settings.model_fields_set
    level = settings.gateway_log_level if named else "warning"
    logs.configure(settings.gateway_log_format, level, secrets_of(settings))
    return settings


def with_gateway(
    work: Callable[[Gateway], Awaitable[T]],
    *,
    settings: Settings | None = None,
    on_signal: Callable[[], None] | None = None,
) -> T:
    """Open a gateway, do the work with it, close it, and answer what the work answered.

    `on_signal` is called at SIGINT and SIGTERM in place of what Python does by itself. Raises
    StoreFailed, and whatever the work raises.
    """
    from gateway.wiring import StoreError, open_gateway

    chosen = settings or session_settings()

    async def opened() -> T:
        if on_signal is not None:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, on_signal)
        async with open_gateway(chosen, follow=False) as gateway:
            return await work(gateway)

    try:
        return asyncio.run(opened())
    except StoreError as error:
        raise StoreFailed(str(error)) from None


def own_key(settings: Settings) -> str:
    """The key in GETATEXT_API_KEY. Raises BadSettings where none is set."""
    from gateway.cli.configuration import BadSettings

    if settings.getatext_api_key is None:
        raise BadSettings(f"{NO_KEY} {KEY_ADVICE}")
    return settings.getatext_api_key.get_secret_value()


async def own_caller(gateway: Gateway) -> Caller:
    """The caller that the key in GETATEXT_API_KEY stands for. Raises Unauthorized."""
    key = gateway.settings.getatext_api_key
    return await gateway.callers.identify(key.get_secret_value() if key else None)
