"""A memory of limited size."""

import weakref

from gateway.core.identity_cache import ByIdentity, Remembered


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


def test_what_was_made_of_an_object_is_not_for_another_that_is_equal() -> None:
    one, equal = [1], [1]
    made: ByIdentity[list[int], str] = ByIdentity(2)
    made[one] = "of the one"

    assert made.get(one) == "of the one"
    assert made.get(equal) is None


def test_an_object_lives_while_something_made_of_it_is_remembered_and_no_longer() -> None:
    made: ByIdentity[set[int], int] = ByIdentity(1)
    first = weakref.ref(_remembered(made))
    kept = first() is not None
    _remembered(made)

    assert (kept, first()) == (True, None)


def _remembered(made: ByIdentity[set[int], int]) -> set[int]:
    thing = {1}
    made[thing] = 1
    return thing
