"""What was made of objects, found by the very same ones."""

import weakref

from gateway.core.identity_cache import IdentityCache


def test_what_was_made_of_an_object_is_not_for_another_that_is_equal() -> None:
    one, equal = [1], [1]
    made: IdentityCache[list[int], str] = IdentityCache(2)
    made[one] = "of the one"

    assert made.get(one) == "of the one"
    assert made.get(equal) is None


def test_an_object_lives_while_something_made_of_it_is_remembered_and_no_longer() -> None:
    made: IdentityCache[set[int], int] = IdentityCache(1)
    first = weakref.ref(_remembered(made))
    kept = first() is not None
    _remembered(made)

    assert (kept, first()) == (True, None)


def _remembered(made: IdentityCache[set[int], int]) -> set[int]:
    thing = {1}
    made[thing] = 1
    return thing
