import json
from pathlib import Path

import pytest
import yaml

from gateway.cli.commands.openapi import FILES, first_difference
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("spec", FILES)
def test_yaml_and_json_say_the_same(run: Run, spec: str) -> None:
    as_yaml = run("openapi", "--spec", spec, "--format", "yaml")
    as_json = run("openapi", "--spec", spec, "--format", "json")

    assert yaml.safe_load(as_yaml.stdout) == json.loads(as_json.stdout)


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        ((), "openapi: 3.1.0\n"),
        (("--format", "json"), '{"openapi":"3.1.0",'),
        (("--spec", "3.0"), '{"openapi":"3.0.3",'),
        (("--spec", "2.0"), '{"swagger":"2.0",'),
        (("--spec", "2.0", "--format", "yaml"), "swagger: '2.0'\n"),
        (("--spec", "3.0", "--all"), '{"openapi":"3.0.3",'),
    ],
    ids=" ".join,
)
def test_each_dialect_is_printed_in_its_usual_form(
    run: Run, arguments: tuple[str, ...], begins: str
) -> None:
    done = run("openapi", *arguments)

    assert done.exit_code == 0
    assert done.stdout.startswith(begins)


def test_the_server_stands_in_each(run: Run) -> None:
    server = ("--server", "https://sms.example.com/us/")
    newer = yaml.safe_load(run("openapi", *server).stdout)
    older = json.loads(run("openapi", "--spec", "3.0", *server).stdout)
    swagger = json.loads(run("openapi", "--spec", "2.0", *server).stdout)

    assert newer["servers"][0]["url"] == older["servers"][0]["url"] == "https://sms.example.com/us"
    assert (swagger["host"], swagger["basePath"]) == ("sms.example.com", "/us")
    assert swagger["schemes"] == ["https"]


@pytest.mark.parametrize(
    "server",
    [
        "sms.example.com", "ftp://sms.example.com", "https://", "https://me:pw@sms.example.com",
        "https://sms.example.com?a=b", "https://sms.example.com#a", "https://sms.example.com:99999",
        "https://[::1", "https://sms.example.com/a b", "",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(run: Run, server: str) -> None:
    done = run("openapi", "--server", server)

    assert done.exit_code == 2
    assert "must be an address such as https://sms.example.com" in done.stderr


def test_what_was_written_passes_the_check(run: Run, folder: Path) -> None:
    assert run("openapi", "--write").exit_code == 0
    assert run("openapi", "--check").exit_code == 0
    assert {str(file.relative_to(folder)) for file in folder.rglob("*.*")} == set(FILES.values())
    for spec, file in FILES.items():
        made = yaml.safe_load((folder / file).read_text())
        assert made.get("openapi", made.get("swagger")).startswith(spec)


@pytest.mark.parametrize("spec", FILES)
def test_the_check_names_the_first_difference_and_the_remedy(
    run: Run, folder: Path, spec: str
) -> None:
    run("openapi", "--write")
    file = folder / FILES[spec]
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines[:2], "stray: 1\n", *lines[2:]]))
    done = run("openapi", "--check")

    assert done.exit_code == 1
    assert f"{FILES[spec]} is out of date." in done.stderr
    assert 'Line 3 is "stray: 1", but should be ' in done.stderr
    assert done.stderr.count("out of date") == 1
    assert "openapi --write" in done.stderr


def test_the_check_names_each_missing_file(run: Run) -> None:
    done = run("openapi", "--check")

    assert done.exit_code == 1
    for file in FILES.values():
        assert f"{file} is out of date. There is no such file" in done.stderr


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
