import json
from pathlib import Path

import pytest
import yaml

from gateway.cli.commands.openapi import FILE, first_difference
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_yaml_and_json_say_the_same(run: Run) -> None:
    as_yaml, as_json = run("openapi"), run("openapi", "--format", "json")

    assert yaml.safe_load(as_yaml.stdout) == json.loads(as_json.stdout)


def test_what_was_written_passes_the_check(run: Run, folder: Path) -> None:
    assert run("openapi", "--write").exit_code == 0
    assert run("openapi", "--check").exit_code == 0
    assert yaml.safe_load((folder / FILE).read_text())["openapi"].startswith("3.")


def test_the_check_names_the_first_difference_and_the_remedy(run: Run, folder: Path) -> None:
    run("openapi", "--write")
    lines = (folder / FILE).read_text().splitlines(keepends=True)
    (folder / FILE).write_text("".join([*lines[:2], "stray: 1\n", *lines[2:]]))
    done = run("openapi", "--check")

    assert done.exit_code == 1
    assert 'Line 3 is "stray: 1", but should be ' in done.stderr
    assert "openapi --write" in done.stderr


def test_the_check_names_a_missing_file(run: Run) -> None:
    done = run("openapi", "--check")

    assert done.exit_code == 1
    assert "There is no such file" in done.stderr


@pytest.mark.parametrize(
    ("committed", "made", "told"),
    [
        ("a\n", "a\n", ""),
        ("a\n", "a\nb\n", 'Line 2 is missing, but should be "b".'),
        ("a\nb\n", "a\n", 'Line 2 is "b", but should be missing.'),
        ("a\r\n", "a\n", "Their line ends differ."),
    ],
)
def test_differences_are_told_by_line(committed: str, made: str, told: str) -> None:
    assert first_difference(committed, made) == told


def test_writing_and_checking_at_once_is_refused(run: Run) -> None:
    assert run("openapi", "--write", "--check").exit_code == 2
