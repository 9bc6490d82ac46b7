"""Answers that are, byte for byte, the last one."""

from collections.abc import Callable

import pytest

from adapters.getatext.reply import Reply
from adapters.getatext.unchanged import Unchanged
from gateway.core.model.provider_errors import UpstreamError

ACTIVE = Reply(200, b'{"status": "active"}')
CODE = Reply(200, b'{"status": "active", "code": "012345"}')


def counting() -> tuple[list[Reply], Callable[[Reply], object]]:
    """A reader that makes a new value each time, and what it was given."""
    given: list[Reply] = []

    def read(reply: Reply) -> object:
        given.append(reply)
        return object()

    return given, read


def test_the_same_answer_is_read_once() -> None:
    given, read = counting()
    unchanged: Unchanged[object] = Unchanged()
    first, again = [unchanged.read(1, Reply(200, ACTIVE.body), read) for _ in range(2)]

    assert first is again
    assert len(given) == 1


@pytest.mark.parametrize(
    "other", [CODE, Reply(201, ACTIVE.body), Reply(200, ACTIVE.body, "5")], ids=str
)
def test_an_answer_that_differs_in_anything_is_read(other: Reply) -> None:
    given, read = counting()
    unchanged: Unchanged[object] = Unchanged()
    for reply in (ACTIVE, other, ACTIVE):
        unchanged.read(1, reply, read)

    assert given == [ACTIVE, other, ACTIVE]


def test_the_same_answer_about_another_rental_is_read() -> None:
    given, read = counting()
    unchanged: Unchanged[object] = Unchanged()

    assert unchanged.read(1, ACTIVE, read) is not unchanged.read(2, ACTIVE, read)
    assert len(given) == 2


def test_two_accounts_that_ask_about_one_id_are_each_told_what_they_were_answered() -> None:
    unchanged: Unchanged[bytes | None] = Unchanged()
    answers = 3 * [ACTIVE, CODE]

    assert [unchanged.read(1, reply, lambda told: told.body) for reply in answers] == [
        reply.body for reply in answers
    ]


def test_a_refusal_is_raised_each_time_and_takes_nothing_back() -> None:
    given, read = counting()
    unchanged: Unchanged[object] = Unchanged()
    first = unchanged.read(1, ACTIVE, read)

    def refuse(reply: Reply) -> object:
        raise UpstreamError

    for _ in range(2):
        with pytest.raises(UpstreamError):
            unchanged.read(1, CODE, refuse)
    assert unchanged.read(1, ACTIVE, read) is first
    assert given == [ACTIVE]


def test_only_so_many_are_kept_and_no_long_ones() -> None:
    given, read = counting()
    unchanged: Unchanged[object] = Unchanged(most=1)
    long = Reply(200, b" " * 3000)
    for about, reply in [(1, ACTIVE), (2, ACTIVE), (1, ACTIVE), (3, long), (3, long)]:
        unchanged.read(about, reply, read)

    assert given == [ACTIVE, ACTIVE, ACTIVE, long, long]
