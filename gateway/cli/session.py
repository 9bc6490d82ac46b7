"""What a command works with: its settings, and a gateway in this process or elsewhere."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from gateway.cli.exit_codes import MISUSED

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gateway.core.model.callers import Caller
    from gateway.core.operations.call import Answer
    from gateway.core.operations.operation import Operation
    from gateway.settings import Settings
    from gateway.wiring import Gateway

    In = TypeVar("In", bound=BaseModel)
    Out = TypeVar("Out", bound=BaseModel)

T = TypeVar("T")

NO_KEY = "No key is set."
KEY_ADVICE = "Set the environment variable GETATEXT_API_KEY to your key from https://getatext.com."


class StoreFailed(click.ClickException):
    """The database cannot be opened or used; the message says why."""

    exit_code = MISUSED


class Operations(Protocol):
    """How a command runs operations: in a gateway of its own, or at one elsewhere."""

    async def answer(
        self, op: Operation[In, Out], given: Mapping[str, Any], trace_id: str
    ) -> Answer[Out]:
        """Run an operation on raw inputs. Raises GatewayError.

        The answer says whether it is that of an earlier purchase with the same request id.
        """


@dataclass(frozen=True, slots=True)
class Embedded:
    """Operations in a gateway that is open in this process."""

    gateway: Gateway
    caller: Caller

    async def answer(
        self, op: Operation[In, Out], given: Mapping[str, Any], trace_id: str
    ) -> Answer[Out]:
        """Run an operation as the caller."""
        from gateway.core.model.errors import InternalError, LedgerUnavailable
        from gateway.core.operations.call import Call
        from gateway.wiring import StoreError

        try:
            return await self.gateway.invoker.answer(op, Call(self.caller, trace_id), given)
        except StoreError as fault:  # not of opening: what was asked may have been done
            if isinstance(fault, LedgerUnavailable):
                raise LedgerUnavailable from fault
            log_crash(trace_id)
            raise InternalError from fault


@dataclass(frozen=True, slots=True)
class Session:
    """The settings by which one command runs operations."""

    settings: Settings

    @property
    def key_setting(self) -> str:
        """The setting that holds the key of whoever sits here."""
        return "GETATEXT_API_KEY" if self.settings.gateway_key is None else "GATEWAY_KEY"

    def run(
        self,
        work: Callable[[Operations], Awaitable[T]],
        *,
        on_signal: Callable[[], None] | None = None,
    ) -> T:
        """Open the operations, do the work with them, and answer what the work answered.

        `on_signal`: as of `with_gateway`. Raises Unauthorized, StoreFailed, and what the work
        raises.
        """
        key = self._key()

        async def in_gateway(gateway: Gateway) -> T:
            return await work(Embedded(gateway, await gateway.callers.identify(key)))

        return with_gateway(in_gateway, settings=self.settings, on_signal=on_signal)

    def require_key(self) -> None:
        """Raise BadSettings where no key is set."""
        from gateway.cli.configuration import BadSettings

        if self.settings.caller_key is None:
            raise BadSettings(f"{NO_KEY} {KEY_ADVICE}")

    def _key(self) -> str:
        from gateway.core.model.errors import Unauthorized

        if self.settings.caller_key is None:
            raise Unauthorized(NO_KEY, advice=KEY_ADVICE)
        return self.settings.caller_key.get_secret_value()


def open_session() -> Session:
    """The session of a command that runs operations. Raises BadSettings."""
    return Session(session_settings())


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
        async with open_gateway(chosen, follow=False) as gateway:
            return await work(gateway)

    try:
        return asyncio.run(_heeding(on_signal, opened))
    except StoreError as error:
        raise StoreFailed(str(error)) from None


async def _heeding(on_signal: Callable[[], None] | None, work: Callable[[], Awaitable[T]]) -> T:
    """Do the work, with `on_signal` called at SIGINT and SIGTERM meanwhile."""
    if on_signal is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return await work()


def own_key(settings: Settings) -> str:
    """The key in GETATEXT_API_KEY. Raises BadSettings where none is set."""
    from gateway.cli.configuration import BadSettings

    if settings.getatext_api_key is None:
        raise BadSettings(f"{NO_KEY} {KEY_ADVICE}")
    return settings.getatext_api_key.get_secret_value()


def log_crash(trace_id: str) -> None:
    """Log the exception that is being handled, which is a bug, with its traceback."""
    import structlog

    structlog.get_logger("gateway.cli").exception("command failed", trace_id=trace_id)
