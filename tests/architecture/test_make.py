"""`make run` tells what it installs, and in one line why it cannot."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A Python that says it is another version, and makes environments without installing anything.
PRETENDER = """#!PYTHON
import os, platform, sys
sys.version_info = tuple(map(int, "VERSION".split(".")))
platform.python_version = lambda: "VERSION"
match sys.argv[1:]:
    case ["-c", code, *rest]:
        sys.argv[1:] = rest
        exec(code)
    case ["-m", "venv", folder]:
        os.makedirs(folder + "/bin")
        os.symlink(__file__, folder + "/bin/python")
        with open(folder + "/bin/getatext-gateway", "w") as program:
            program.write("#!/bin/sh\\necho runs: $*\\n")
        os.chmod(program.name, 0o755)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements/run.txt", "scripts/usable_python.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def python(tree: Path, version: str) -> str:
    program = tree / f"python-{version}"
    program.write_text(PRETENDER.replace("PYTHON", sys.executable).replace("VERSION", version))
    program.chmod(0o755)
    return str(program)


def make_run(tree: Path, python: str) -> tuple[int, list[str], list[str]]:
    env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    command = ["make", "--no-print-directory", "run", f"PYTHON={python}"]
    done = subprocess.run(
        command, cwd=tree, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    errors = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    return done.returncode, done.stdout.splitlines(), errors


def test_it_says_what_it_does_while_it_installs_and_nothing_the_next_time(tree: Path) -> None:
    first = make_run(tree, python(tree, "3.12.1"))
    second = make_run(tree, python(tree, "3.12.1"))

    assert first == (
        0,
        [
            "Making an environment in .venv ...",
            "Installing the libraries of requirements/run.txt into .venv:"
            " a minute or two, once ...",
            "Installing the gateway into .venv ...",
            "runs: serve --simulate",
        ],
        [],
    )
    assert second == (0, ["runs: serve --simulate"], [])


def test_a_python_that_is_too_old_is_told_in_one_line(tree: Path) -> None:
    old = python(tree, "3.9.2")

    assert make_run(tree, old) == (
        2,
        [],
        [
            f"The gateway needs Python 3.11 or later; {old} is 3.9.2."
            " Install one and name it: make run PYTHON=python3.11"
        ],
    )
    assert not (tree / ".venv").exists()


def test_no_python_at_all_is_told_in_one_line(tree: Path) -> None:
    code, said, errors = make_run(tree, "no-such-python")

    assert (code, said) == (2, [])
    assert errors == [
        "The gateway needs Python 3.11 or later, and no-such-python does not run."
        " Install one and name it: make run PYTHON=python3.11"
    ]


@pytest.mark.parametrize("installed", [False, True])
def test_an_environment_of_an_older_python_is_told_in_one_line(tree: Path, installed: bool) -> None:
    (tree / ".venv/bin").mkdir(parents=True)
    (tree / ".venv/bin/python").symlink_to(python(tree, "3.9.2"))
    if installed:
        (tree / ".venv/run.stamp").touch()

    assert make_run(tree, python(tree, "3.12.1")) == (
        2,
        [],
        [
            "The environment in .venv has Python 3.9.2; the gateway needs 3.11 or later."
            " Make it anew: rm -rf .venv && make run"
        ],
    )


@pytest.mark.parametrize("installed", [False, True])
def test_an_environment_whose_python_is_gone_is_told_in_one_line(
    tree: Path, installed: bool
) -> None:
    (tree / ".venv/bin").mkdir(parents=True)
    (tree / ".venv/bin/python").symlink_to("/nowhere/python3")
    if installed:
        (tree / ".venv/run.stamp").touch()

    assert make_run(tree, python(tree, "3.12.1")) == (
        2,
        [],
        [
            "The environment in .venv is broken: its Python does not run, or has no pip."
            " Make it anew: rm -rf .venv && make run"
        ],
    )
