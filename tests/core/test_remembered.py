"""A memory of limited size."""

from gateway.core.remembered import Remembered


def full() -> Remembered[str, int]:
    memory: Remembered[str, int] = Remembered(2)
    memory["a"] = 1
    memory["b"] = 2
    return memory


def test_what_was_put_in_longest_ago_makes_room() -> None:
    memory = full()
    memory["c"] = 3

    assert memory.all() == [("b", 2), ("c", 3)]


def test_what_was_asked_for_lately_stays() -> None:
    memory = full()
    found = memory.get("a")
    memory["c"] = 3

    assert found == 1
    assert memory.all() == [("a", 1), ("c", 3)]


def test_what_is_replaced_counts_as_new_and_takes_no_more_room() -> None:
    memory = full()
    memory["a"] = 10
    memory["c"] = 3

    assert memory.all() == [("a", 10), ("c", 3)]


def test_what_is_not_there_is_none_or_the_default() -> None:
    memory = full()

    assert memory.get("c") is None
    assert memory.get("c", 0) == 0
    assert memory.pop("c") is None


def test_what_is_forgotten_is_gone() -> None:
    memory = full()
    taken = memory.pop("a")
    left = memory.all()
    memory.clear()

    assert (taken, left, len(memory)) == (1, [("b", 2)], 0)
