"""Runs a piece of work with an open gateway, for the operator's commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from gateway.cli.lazy import MISUSED

if TYPE_CHECKING:
    from gateway.wiring import Gateway

T = TypeVar("T")


def with_gateway(work: Callable[[Gateway], Awaitable[T]]) -> T:
    """What the work answers; what stands in its way is said in a sentence."""
    from gateway.cli.configuration import read_settings, secrets_of
    from gateway.telemetry import logs
    from gateway.wiring import StoreError, open_gateway

    settings = read_settings()
    logs.configure(settings.gateway_log_format, "warning", secrets_of(settings))

    async def opened() -> T:
        async with open_gateway(settings) as gateway:
            return await work(gateway)

    try:
        return asyncio.run(opened())
    except StoreError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(MISUSED) from None
