"""Waiting for messages in held time: who reads, how often, what is borne, and what ends a wait."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.codes.messages import READ_EVERY, MessageWaiter, later
from gateway.core.model.errors import GatewayError, LongRentalNotFound, RateLimited
from gateway.core.model.long_rentals import Message
from gateway.core.model.provider_errors import UpstreamAuthFailed, UpstreamError
from gateway.core.rentals.notifier import Notifier
from tests.support.held_time import LoopClock, held, loop

NOON = datetime(2025, 7, 6, 12, tzinfo=UTC)
KEY = ("account", 1)
OLD = Message(text="old", received_at=NOON)
NEW = Message(text="new", received_at=NOON + timedelta(seconds=1))
TIMELESS = Message(text="without a time")


@dataclass
class Inbox:
    """The messages of one long rental, read in no time or in `takes` seconds, and its waiter."""

    messages: list[Message] = field(default_factory=list)
    faults: deque[GatewayError] = field(default_factory=deque)
    read_at: list[float] = field(default_factory=list)
    takes: float = 0.0
    notifier: Notifier = field(default_factory=Notifier)

    def __post_init__(self) -> None:
        self.waiter = MessageWaiter(self.notifier, LoopClock())

    async def read(self) -> list[Message]:
        self.read_at.append(loop().time())
        await asyncio.sleep(self.takes)
        if self.faults:
            raise self.faults.popleft()
        return list(self.messages)

    async def wait(self, seconds: float = 25, after: datetime | None = None) -> list[Message]:
        return await self.waiter.wait(KEY, self.read, seconds, after)

    async def receive(self, message: Message, at: float) -> None:
        await asyncio.sleep(at - loop().time())
        self.messages.append(message)


async def timed(waiting: asyncio.Future[list[Message]]) -> tuple[list[Message], float]:
    return await waiting, loop().time()


@held
async def test_what_is_there_is_answered_at_once() -> None:
    inbox = Inbox([OLD])

    assert await inbox.wait() == [OLD]
    assert loop().time() == 0


@held
async def test_what_comes_is_answered_at_the_next_read() -> None:
    inbox = Inbox([OLD])
    coming = asyncio.create_task(inbox.receive(NEW, 7))

    assert await inbox.wait(after=NOON) == [NEW]
    assert loop().time() == pytest.approx(2 * READ_EVERY)
    await coming


@held
async def test_after_its_time_there_is_none() -> None:
    inbox = Inbox([OLD])

    assert await inbox.wait(12, after=NOON) == []
    assert loop().time() == pytest.approx(12)
    assert inbox.read_at == pytest.approx([0, 5, 10])


@held
async def test_many_who_wait_share_the_reads() -> None:
    inbox = Inbox(takes=0.5)

    async def arrive(at: float) -> tuple[list[Message], float]:
        await asyncio.sleep(at)
        return await timed(asyncio.ensure_future(inbox.wait(25)))

    coming = asyncio.create_task(inbox.receive(NEW, 13))
    answers = await asyncio.gather(*(arrive(at / 10) for at in range(100)))
    await coming

    assert {tuple(found) for found, _ in answers} == {(NEW,)}
    assert all(at == pytest.approx(15.5) for _, at in answers)
    assert inbox.read_at == pytest.approx([0, 5, 10, 15])


@held
async def test_another_of_the_same_second_is_not_lost() -> None:
    at_noon, twin = (Message(text=text, received_at=NOON) for text in ("at noon", "its twin"))
    inbox = Inbox([at_noon])
    coming = asyncio.create_task(inbox.receive(twin, 1))
    first = await inbox.wait()
    second = await inbox.wait(after=NOON)
    third = await inbox.wait(7, after=NOON)
    await coming

    assert (first, second, third) == ([at_noon], [twin], [])
    assert loop().time() == pytest.approx(READ_EVERY + 7)


@held
async def test_one_call_after_another_reads_no_more_often() -> None:
    inbox = Inbox([OLD])
    for _ in range(19):
        await inbox.wait(1, after=NOON)

    assert loop().time() == pytest.approx(19)
    assert inbox.read_at == pytest.approx([0, 5, 10, 15])


@held
async def test_who_hangs_up_stops_no_read_and_begins_none() -> None:
    inbox = Inbox(takes=2)
    gone = asyncio.ensure_future(inbox.wait())
    await asyncio.sleep(1)
    gone.cancel()
    await asyncio.sleep(100)

    assert inbox.read_at == [0]


@held
async def test_long_rentals_are_read_apart() -> None:
    inbox, other = Inbox([OLD]), Inbox([NEW])
    other.waiter = inbox.waiter
    both = await asyncio.gather(
        inbox.wait(), other.waiter.wait(("account", 2), other.read, 25, None)
    )

    assert list(both) == [[OLD], [NEW]]


@held
async def test_errors_that_pass_are_borne() -> None:
    inbox = Inbox([OLD], deque([UpstreamError(), UpstreamError()]))

    assert await inbox.wait() == [OLD]
    assert inbox.read_at == pytest.approx([0, 5, 10])


@held
async def test_a_limit_is_kept_to() -> None:
    inbox = Inbox([OLD], deque([RateLimited(retry_after=12)]))

    assert await inbox.wait() == [OLD]
    assert inbox.read_at == pytest.approx([0, 12])


@held
async def test_that_there_is_none_is_never_said_without_a_read() -> None:
    inbox = Inbox([OLD], deque(UpstreamError() for _ in range(9)))
    with pytest.raises(UpstreamError):
        await inbox.wait(12)
    at = loop().time()
    slow = Inbox(takes=3)
    none = await slow.wait(1)

    assert at == pytest.approx(12)
    assert none == []
    assert loop().time() - at == pytest.approx(3)


@held
async def test_a_read_that_fails_later_takes_nothing_back() -> None:
    inbox = Inbox([TIMELESS], deque())
    waiting = asyncio.ensure_future(inbox.wait(12, after=NOON))
    await asyncio.sleep(1)
    inbox.faults.extend([UpstreamError(), UpstreamError()])

    assert await waiting == [TIMELESS]


@pytest.mark.parametrize("error", [LongRentalNotFound, UpstreamAuthFailed])
def test_errors_that_stay_are_raised_at_once(error: type[GatewayError]) -> None:
    @held
    async def run() -> None:
        inbox = Inbox([OLD], deque([error()]))
        with pytest.raises(error):
            await inbox.wait()
        assert loop().time() == 0

    run()


@held
async def test_a_shutdown_ends_every_wait() -> None:
    inbox = Inbox([OLD])
    waiting = asyncio.ensure_future(timed(asyncio.ensure_future(inbox.wait(25, NOON))))
    slow = Inbox(notifier=inbox.notifier, takes=2)
    reading = asyncio.ensure_future(slow.wait(25))
    await asyncio.sleep(1)
    inbox.notifier.shut_down()

    found, at = await waiting

    assert (found, round(at, 3)) == ([], 1.0)
    assert await reading == []
    assert loop().time() == pytest.approx(2)
    assert await inbox.wait(25, NOON) == []
    assert loop().time() == pytest.approx(2)


@held
async def test_one_without_a_time_is_always_shown_and_ends_a_wait_only_where_it_is_new() -> None:
    inbox = Inbox([OLD, TIMELESS])
    in_vain = await inbox.wait(10, after=NOON)
    waited = loop().time()
    another = Message(text="another")
    coming = asyncio.create_task(inbox.receive(another, waited + 1))
    came = await inbox.wait(25, after=NOON)
    await coming

    assert (in_vain, round(waited, 3)) == ([TIMELESS], 10.0)
    assert came == [TIMELESS, another]
    assert loop().time() == pytest.approx(15)


def test_after_leaves_out_all_of_its_second_and_what_is_told_as_earlier() -> None:
    finer = Message(text="finer", received_at=NOON + timedelta(microseconds=900))
    same = Message(text="same second", received_at=NOON)

    assert later([OLD, same, finer, NEW], NOON) == [NEW]
    assert later([OLD, TIMELESS], None) == [OLD, TIMELESS]
