"""Status reads: one call for all who ask at one time, and the most urgent of them decides when."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from gateway.core.model.errors import RateLimited
from gateway.core.model.provider_errors import UpstreamError
from gateway.core.model.rentals import Rental, RentalStatus
from gateway.core.model.upstream_call import Priority
from gateway.core.rentals.status_reads import StatusReads
from gateway.core.upstream.account import AccountUpstream, SendNumber
from tests.support.core import Clock, settle

ACTIVE = Rental(id=1, status=RentalStatus.ACTIVE)


@dataclass
class Queue:
    """A pipeline whose calls wait for a permit until `permit`, and for their answer until `end`."""

    asked: list[Priority] = field(default_factory=list)
    sent: list[Priority] = field(default_factory=list)
    permit: asyncio.Event = field(default_factory=asyncio.Event)
    end: asyncio.Event = field(default_factory=asyncio.Event)
    refusal: RateLimited | None = None
    fault: UpstreamError | None = None

    async def ask(self, account_id: str, call: object, question: object, **terms: Any) -> Rental:
        self.asked.append(terms["priority"])
        await self.permit.wait()
        if self.refusal is not None:
            raise self.refusal
        send = terms["before_sending"]
        assert isinstance(send, SendNumber)
        await send()
        self.sent.append(terms["priority"])
        await self.end.wait()
        if self.fault is not None:
            raise self.fault
        return ACTIVE


class NoProvider:
    """A provider that is not asked: the pipeline here answers by itself."""

    async def call(self, call: object, asked: object) -> None: ...


class NoRecords:
    """A repository that knows nothing."""

    ledger_away = False

    async def known(self, account_id: str, rental_id: int) -> None: ...

    async def record(self, account_id: str, rental: Rental) -> Rental:
        return rental


def opened(
    clock: Clock | None = None, fresh: float = 0.0
) -> tuple[StatusReads, Queue, AccountUpstream]:
    queue = Queue()
    upstream = AccountUpstream("account", cast(Any, NoProvider()), cast(Any, queue))
    return StatusReads(cast(Any, NoRecords()), clock or Clock(), fresh=fresh), queue, upstream


def ask(
    reads: StatusReads, upstream: AccountUpstream, priority: Priority
) -> "asyncio.Task[Rental]":
    return asyncio.ensure_future(reads.status(upstream, 1, priority))


async def test_a_read_that_waits_for_its_permit_is_hastened_by_who_is_more_urgent() -> None:
    reads, queue, upstream = opened()
    slow = ask(reads, upstream, Priority.FOLLOWED)
    await settle()
    waiting = ask(reads, upstream, Priority.WAITED_FOR)
    await settle()
    late = ask(reads, upstream, Priority.LISTENED)  # no more urgent than what waits now
    queue.permit.set()
    queue.end.set()
    told = tuple(await asyncio.gather(slow, waiting, late))

    assert queue.asked == [Priority.FOLLOWED, Priority.WAITED_FOR]
    assert queue.sent == [Priority.WAITED_FOR]
    assert told == (ACTIVE, ACTIVE, ACTIVE)


async def test_a_read_can_be_hastened_for_somebody_who_does_not_ask() -> None:
    reads, queue, upstream = opened()
    slow = ask(reads, upstream, Priority.FOLLOWED)
    await settle()
    reads.hasten(upstream, 1, Priority.WAITED_FOR)
    reads.hasten(upstream, 2, Priority.WAITED_FOR)  # nothing is read of that one
    queue.permit.set()
    queue.end.set()
    told = await slow

    assert (told, queue.sent) == (ACTIVE, [Priority.WAITED_FOR])


async def test_a_read_that_was_sent_is_not_sent_again() -> None:
    reads, queue, upstream = opened()
    queue.permit.set()
    slow = ask(reads, upstream, Priority.FOLLOWED)
    await settle()
    waiting = ask(reads, upstream, Priority.WAITED_FOR)
    await settle()
    queue.end.set()
    told = tuple(await asyncio.gather(slow, waiting))

    assert queue.sent == [Priority.FOLLOWED]
    assert told == (ACTIVE, ACTIVE)


async def test_all_who_asked_get_the_error_of_the_hastened_read() -> None:
    reads, queue, upstream = opened()
    queue.refusal = RateLimited()
    slow = ask(reads, upstream, Priority.FOLLOWED)
    await settle()
    waiting = ask(reads, upstream, Priority.WAITED_FOR)
    await settle()
    queue.permit.set()
    for each in (slow, waiting):
        with pytest.raises(RateLimited):
            await each

    queue.refusal = None
    queue.end.set()
    assert await ask(reads, upstream, Priority.READ) == ACTIVE


async def test_a_read_that_waits_while_the_rental_is_changed_can_still_be_hastened() -> None:
    reads, queue, upstream = opened()
    slow = ask(reads, upstream, Priority.FOLLOWED)
    await settle()
    reads.forget("account", 1)  # a refused cancellation, or a webhook
    reads.hasten(upstream, 1, Priority.WAITED_FOR)
    queue.permit.set()
    queue.end.set()
    await slow

    assert queue.sent == [Priority.WAITED_FOR]


async def test_a_read_that_waits_while_a_webhook_is_confirmed_can_still_be_hastened() -> None:
    reads, queue, upstream = opened()
    slow = ask(reads, upstream, Priority.FOLLOWED)
    await settle()
    confirming = asyncio.ensure_future(reads.anew(upstream, 1, 0.5))
    await settle()
    confirming.cancel()
    reads.hasten(upstream, 1, Priority.WAITED_FOR)
    queue.permit.set()
    queue.end.set()
    await slow

    assert queue.asked == [Priority.FOLLOWED, Priority.SPEND, Priority.WAITED_FOR]
    assert Priority.FOLLOWED not in queue.sent


async def test_a_state_read_before_a_change_is_no_answer_after_it() -> None:
    reads, queue, upstream = opened()
    queue.permit.set()
    before = ask(reads, upstream, Priority.FOLLOWED)
    await settle()
    reads.forget("account", 1)
    after = ask(reads, upstream, Priority.FOLLOWED)
    await settle()
    queue.end.set()
    await asyncio.gather(before, after)

    assert len(queue.sent) == 2


async def test_who_is_more_urgent_asks_again_where_a_slow_read_under_way_fails() -> None:
    reads, queue, upstream = opened()
    queue.permit.set()
    queue.fault = UpstreamError()
    slow = ask(reads, upstream, Priority.FOLLOWED)
    await settle()
    reading = [ask(reads, upstream, Priority.READ) for _ in range(2)]
    await settle()
    queue.end.set()
    told = await asyncio.gather(slow, *reading, return_exceptions=True)

    assert [type(each) for each in told] == [UpstreamError] * 3
    assert queue.sent == [Priority.FOLLOWED, Priority.READ]  # once more, and for both


async def test_whoever_leaves_takes_nothing_from_the_others() -> None:
    reads, queue, upstream = opened()
    slow = ask(reads, upstream, Priority.FOLLOWED)
    waiting = ask(reads, upstream, Priority.WAITED_FOR)
    await settle()
    waiting.cancel()
    await settle()
    queue.permit.set()
    queue.end.set()

    assert await slow == ACTIVE
    assert waiting.cancelled()


@pytest.mark.parametrize(("max_age", "calls"), [(20.0, 1), (10.0, 2), (0.25, 2), (100.0, 1)])
async def test_who_wants_a_newer_answer_than_is_shared_asks_for_it(
    max_age: float, calls: int
) -> None:
    clock = Clock()
    reads, queue, upstream = opened(clock, fresh=60.0)
    queue.permit.set()
    queue.end.set()
    await reads.status(upstream, 1)
    clock.pass_by(15.0)
    await reads.status(upstream, 1, max_age=max_age)
    await reads.status(upstream, 1)

    assert len(queue.sent) == calls
