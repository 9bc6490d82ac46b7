"""What a command works with: its settings, and a gateway in this process or elsewhere."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from gateway.cli.exit_codes import FAILED, MISUSED

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gateway.core.model.callers import Caller
    from gateway.core.operations.call import Answer
    from gateway.core.operations.operation import AnyOperation, Operation
    from gateway.settings import Settings
    from gateway.wiring import Gateway

    In = TypeVar("In", bound=BaseModel)
    Out = TypeVar("Out", bound=BaseModel)

T = TypeVar("T")

NO_KEY = "No key is set."
KEY_ADVICE = "Set the environment variable GETATEXT_API_KEY to your key from https://getatext.com."
_ELSEWHERE = "Set the environment variable GATEWAY_KEY to a key of that gateway's."
_LEADS_NOWHERE = "GATEWAY_KEY leads to the account of GETATEXT_API_KEY, which is not set."
_SAY_WHERE = "Set it, or name the gateway that made the key: --gateway URL, or GATEWAY_URL."


class StoreFailed(click.ClickException):
    """The database cannot be opened or used; the message says why."""

    exit_code = MISUSED


class StoreAway(StoreFailed):
    """It may come back: who manages services starts the gateway again, but not after MISUSED."""

    exit_code = FAILED


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
        from gateway.core.model.upstream_call import Effect
        from gateway.core.model.values import Charged
        from gateway.core.operations.call import Call
        from gateway.wiring import StoreError

        try:
            return await self.gateway.invoker.answer(op, Call(self.caller, trace_id), given)
        except StoreError as fault:  # not of opening: what was asked may have been done
            if isinstance(fault, LedgerUnavailable):
                raise LedgerUnavailable from fault
            _log_crash(trace_id)
            charged = Charged.UNKNOWN if op.effect is Effect.SPEND else Charged.NO
            raise InternalError(charged=charged) from fault


@dataclass(frozen=True, slots=True)
class Session:
    """The settings by which one command runs operations.

    `operator`: in the gateway here it runs them as who runs that, without a key.
    """

    settings: Settings
    operator: bool = False

    @property
    def elsewhere(self) -> bool:
        """Whether operations are run by a gateway elsewhere."""
        return self.settings.gateway_url is not None

    @property
    def key_advice(self) -> str:
        """What to do about a key that is not accepted."""
        if self.settings.gateway_key is not None:
            return "Check GATEWAY_KEY."
        advice = "Check GETATEXT_API_KEY."
        return f"{advice} Or: {_ELSEWHERE}" if self.elsewhere else advice

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
        if self.elsewhere:
            return asyncio.run(_heeding(on_signal, partial(self._elsewhere, self._key(), work)))
        key = None if self.operator else self._key()

        async def here(gateway: Gateway) -> T:
            callers = gateway.callers
            caller = callers.operator if self.operator else await callers.identify(key)
            return await work(Embedded(gateway, caller))

        return with_gateway(here, settings=self.settings, on_signal=on_signal)

    def repeatable(self, op: AnyOperation, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The inputs; those of a purchase elsewhere with a request id.

        Its answer can be lost on the way: with the id it can be asked for again.
        """
        from gateway.core.model.upstream_call import Effect

        if not self.elsewhere or op.effect is not Effect.SPEND or given.get("request_id"):
            return given
        return {**given, "request_id": f"cli-{secrets.token_hex(12)}"}

    def log_crash(self, trace_id: str) -> None:
        """Log the exception that is being handled, which is a bug, with its traceback."""
        _set_log_up(self.settings)
        _log_crash(trace_id)

    def require_key(self) -> None:
        """Raise BadSettings where no key is set."""
        from gateway.cli.configuration import BadSettings

        if (missing := self._missing()) is not None:
            raise BadSettings(" ".join(missing))

    async def _elsewhere(self, key: str, work: Callable[[Operations], Awaitable[T]]) -> T:
        from gateway.wiring import open_gateway_client

        async with open_gateway_client(str(self.settings.gateway_url), key) as operations:
            return await work(operations)

    def _key(self) -> str:
        from gateway.core.model.errors import Unauthorized

        if (missing := self._missing()) is not None:
            raise Unauthorized(missing[0], advice=missing[1])
        assert self.settings.caller_key is not None  # noqa: S101 - for the type checker
        return self.settings.caller_key.get_secret_value()

    def _missing(self) -> tuple[str, str] | None:
        """Which key is missing, and what to do; None: none is."""
        from gateway.core.model.callers import TEST_KEY_PREFIX

        settings = self.settings
        if settings.caller_key is None:
            return NO_KEY, _ELSEWHERE if self.elsewhere else KEY_ADVICE
        if self.elsewhere or settings.getatext_api_key is not None:
            return None
        test = settings.caller_key.get_secret_value().startswith(TEST_KEY_PREFIX)
        return None if test else (_LEADS_NOWHERE, _SAY_WHERE)


def open_session(gateway_url: str | None, *, operator: bool = False) -> Session:
    """The session of a command that runs operations: at `gateway_url`, or as the settings say.

    `operator`: as of Session.

    Raises BadSettings. The log is set up only where something will be logged: to a command that
    uses a gateway elsewhere, loading it is a third of the whole time.
    """
    from gateway.cli.configuration import (
        read_settings,
        unencrypted,
        warn_of_account_key,
        warn_of_plain_http,
    )

    settings = read_settings(gateway_pass_through=True, gateway_url=gateway_url)
    url = None if settings.gateway_url is None else str(settings.gateway_url)
    if url is None or unencrypted(url):
        _set_log_up(settings)
    if url is not None:
        warn_of_plain_http(settings, url)
        warn_of_account_key(settings, url)
    return Session(settings, operator)


def session_settings() -> Settings:
    """The settings for a command about this machine's own gateway, with the log set up by them.

    Raises BadSettings. Who sits here holds the account's key, so it is always passed through. The
    log shows warnings and errors only, unless the settings name a level.
    """
    from gateway.cli.configuration import read_settings
    from gateway.core.auth.hosts import is_loopback

    settings = read_settings(gateway_pass_through=True)
    _set_log_up(settings)
    url = settings.gateway_url
    if url is not None and not is_loopback(url.host or ""):
        click.echo("This command is about the database here, not the gateway elsewhere.", err=True)
    return settings


def _set_log_up(settings: Settings) -> None:
    from gateway.cli.configuration import secrets_of
    from gateway.telemetry import logs

    named = "gateway_log_level" in settings.model_fields_set
    level = settings.gateway_log_level if named else "warning"
    logs.configure(settings.gateway_log_format, level, secrets_of(settings))


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


def _log_crash(trace_id: str) -> None:
    import structlog

    structlog.get_logger("gateway.cli").exception("command failed", trace_id=trace_id)
