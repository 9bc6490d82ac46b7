"""A SQLite file that nobody writes is not read again and again: its times tell."""

import os
from pathlib import Path

import pytest

from adapters.store.sqlite.writes import Writes

LONG_AGO = 1_000_000_000  # seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.db"
    path.write_bytes(b"as it was")
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def asked(writes: Writes, times: int) -> list[bool]:
    return [writes.may_have_been() for _ in range(times)]


def test_the_first_answer_is_that_it_may_have_been(path: Path) -> None:
    assert asked(Writes(path), 3) == [True, False, False]


def test_a_write_is_told_as_long_as_another_may_have_followed_in_the_same_moment(
    path: Path,
) -> None:
    writes = Writes(path)
    asked(writes, 2)
    path.write_bytes(b"as it is ")

    assert asked(writes, 3) == [True, True, True]
    os.utime(path, (LONG_AGO + 1, LONG_AGO + 1))
    assert asked(writes, 3) == [True, False, False]


def test_another_file_of_the_same_size_and_time_is_another_file(path: Path) -> None:
    writes = Writes(path)
    asked(writes, 2)
    other = path.with_name("restored.db")
    other.write_bytes(b"was other")
    os.utime(other, (LONG_AGO, LONG_AGO))
    other.replace(path)

    assert asked(writes, 2) == [True, False]


def test_a_file_that_is_not_there_may_have_been_written(path: Path) -> None:
    writes = Writes(path)
    asked(writes, 2)
    path.unlink()

    assert asked(writes, 2) == [True, True]


def test_a_time_that_is_still_to_come_is_never_trusted(path: Path) -> None:
    os.utime(path, (4_000_000_000, 4_000_000_000))

    assert asked(Writes(path), 3) == [True, True, True]
