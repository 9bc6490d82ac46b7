"""The invoker: changes and purchases run to their end, and every outcome is counted."""

import asyncio
from typing import Any, cast

import pytest

from adapters.store import Store
from gateway.core.auth.authentication import Callers
from gateway.core.auth.key_watch import KeyWatch
from gateway.core.invocation.invoker import Invoker
from gateway.core.model.callers import Account, Caller, Limits
from gateway.core.model.errors import InvalidRequest, OutcomeUnknown, Unauthorized, Upstream
from gateway.core.model.provider_errors import OutOfStock, UpstreamAuthFailed
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.operations.account import GET_BALANCE
from gateway.core.operations.call import Call
from gateway.core.operations.rentals import COMPLETE_RENTAL, GET_RENTAL, RENT_NUMBER
from gateway.core.prices.cache import PriceCache
from gateway.core.rentals.notifier import Notifier
from gateway.core.upstream.account import AccountUpstream, AccountUpstreams
from tests.support.core import Clock, RecordingObserver, pipeline, purchasing, services
from tests.support.waiting import until

RENTAL = Rental(id=12345, status=RentalStatus.ACTIVE)
RENT: tuple[Any, dict[str, Any]] = (RENT_NUMBER, {"service_code": "whatsapp"})
CHANGES = [RENT, (COMPLETE_RENTAL, {"rental_id": 12345})]
INPUTS = [*CHANGES, (GET_RENTAL, {"rental_id": "12345"})]


class Provider:
    """Answers every call with one answer, once it is open."""

    def __init__(self) -> None:
        self.answer: Any = RENTAL
        self.open, self.begun, self.ended = asyncio.Event(), 0, 0

    async def call(self, call: object, asked: object) -> Any:
        self.begun += 1
        await self.open.wait()
        self.ended += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class WiredInvoker:
    """An invoker before one provider."""

    def __init__(self, store: Store) -> None:
        self.provider, self.observer = Provider(), RecordingObserver()
        self.keys: list[str] = []
        clock, notifier = Clock(), Notifier()
        parts = services(PriceCache(clock, self.observer), clock, store, notifier)
        upstreams = AccountUpstreams(self._connect, pipeline(clock), cast("AccountUpstream", None))
        purchases = purchasing(store, clock, self.observer)
        nobody = cast("Callers", None)  # no caller of these tests has a gateway key
        watch = KeyWatch(nobody, store.keys, clock, self.observer)
        self.invoker = Invoker(upstreams, parts, purchases, self.observer, watch)

    def _connect(self, key: str) -> Provider:
        self.keys.append(key)
        return self.provider

    def invoke(
        self, op: Any, given: dict[str, Any], limits: Limits | None = None
    ) -> asyncio.Task[Any]:
        caller = Caller("alice", Account("alice", "sk_alice"), limits)
        return asyncio.ensure_future(self.invoker.invoke(op, Call(caller, "trace"), given))


@pytest.fixture
async def wired(store: Store) -> WiredInvoker:
    return WiredInvoker(store)


@pytest.mark.parametrize(("op", "given"), INPUTS, ids=lambda value: getattr(value, "name", ""))
async def test_an_operation_is_asked_of_the_provider_with_the_callers_key(
    wired: WiredInvoker, op: Any, given: dict[str, Any]
) -> None:
    wired.provider.open.set()

    assert (await wired.invoke(op, given)).id == 12345
    assert wired.keys == ["sk_alice"]
    assert wired.observer.operations == [(op.name, "ok")]


@pytest.mark.parametrize(("op", "given"), CHANGES, ids=lambda value: getattr(value, "name", ""))
async def test_a_caller_that_leaves_stops_no_change(
    wired: WiredInvoker, op: Any, given: dict[str, Any]
) -> None:
    calling = wired.invoke(op, given)
    await until(lambda: wired.provider.begun)
    calling.cancel()
    await until(calling.cancelled)
    wired.provider.open.set()
    await wired.invoker.drain()

    assert wired.provider.ended == 1


async def test_a_refusal_nobody_waits_for_leaves_no_warning_behind(wired: WiredInvoker) -> None:
    wired.provider.answer = OutOfStock()
    calling = wired.invoke(*RENT)
    await until(lambda: wired.provider.begun)
    calling.cancel()
    wired.provider.open.set()
    await wired.invoker.drain()

    assert wired.provider.ended == 1


async def test_draining_waits_for_purchases_also_for_those_that_come_meanwhile(
    wired: WiredInvoker,
) -> None:
    first = wired.invoke(*RENT)
    await until(lambda: wired.provider.begun)
    draining = asyncio.ensure_future(wired.invoker.drain())
    second = wired.invoke(*RENT)
    await until(lambda: wired.provider.begun == 2)
    waited = not draining.done()
    wired.provider.open.set()
    await draining

    assert waited
    assert wired.provider.ended == 2
    assert ((await first).id, (await second).id) == (12345, 12345)


async def test_draining_with_nothing_under_way_ends_at_once(wired: WiredInvoker) -> None:
    draining = asyncio.create_task(wired.invoker.drain())
    await asyncio.sleep(0)

    assert draining.done()


async def test_a_callers_own_key_that_the_provider_refuses_is_unauthorized(
    wired: WiredInvoker,
) -> None:
    wired.provider.answer = UpstreamAuthFailed(upstream=Upstream(403, "Wrong Api Key"))
    wired.provider.open.set()

    with pytest.raises(Unauthorized) as refused:
        await wired.invoke(GET_BALANCE, {})

    assert refused.value.upstream == Upstream(403, "Wrong Api Key")
    assert wired.observer.operations == [("get_balance", "unauthorized")]


async def test_the_servers_own_key_that_the_provider_refuses_is_the_operators_matter(
    wired: WiredInvoker,
) -> None:
    wired.provider.answer = UpstreamAuthFailed()
    wired.provider.open.set()

    with pytest.raises(UpstreamAuthFailed):
        await wired.invoke(GET_RENTAL, {"rental_id": 1}, Limits(admin=True))


async def test_an_invalid_input_never_reaches_the_provider(wired: WiredInvoker) -> None:
    with pytest.raises(InvalidRequest):
        await wired.invoke(RENT_NUMBER, {"service_code": "whatsapp", "max_price": "-1"})

    assert wired.provider.begun == 0
    assert wired.observer.operations == [("rent_number", "invalid_request")]


async def test_a_crash_is_counted_as_a_fault_of_ours(wired: WiredInvoker) -> None:
    wired.provider.answer = ZeroDivisionError()
    wired.provider.open.set()

    with pytest.raises(ZeroDivisionError):
        await wired.invoke(GET_RENTAL, {"rental_id": 1})

    assert wired.observer.operations == [("get_rental", "internal_error")]


async def test_a_crash_in_a_purchase_is_an_unknown_outcome_and_not_a_failure(
    wired: WiredInvoker,
) -> None:
    wired.provider.answer = ZeroDivisionError()
    wired.provider.open.set()

    with pytest.raises(OutcomeUnknown):
        await wired.invoke(*RENT)

    assert wired.observer.operations == [("rent_number", "outcome_unknown")]


async def test_a_purchase_is_named_to_its_caller_only_where_it_has_no_request_id(
    wired: WiredInvoker,
) -> None:
    wired.provider.open.set()
    begun: list[str] = []
    caller = Caller("alice", Account("alice", "sk_alice"))
    named = Call(caller, "trace", request_id="order-1", begun=begun.append)
    await wired.invoker.invoke(RENT_NUMBER, named, {"service_code": "whatsapp"})
    with_id = list(begun)
    unnamed = Call(caller, "trace", begun=begun.append)
    await wired.invoker.invoke(RENT_NUMBER, unnamed, {"service_code": "whatsapp"})

    assert (with_id, len(begun)) == ([], 1)


async def test_limits_that_change_hold_from_the_next_call_on(wired: WiredInvoker) -> None:
    account = Account("alice", "sk_alice")
    before, after = (Caller("gtw_1", account, Limits(max_per_day=most)) for most in (1, 2))
    contexts = [wired.invoker.context(caller) for caller in (before, after, after)]

    assert [context.caller.limits for context in contexts] == [
        before.limits, after.limits, after.limits,
    ]  # fmt: skip
    assert contexts[1] is contexts[2]
