"""The house rules that a reviewer would otherwise have to remember."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    path.relative_to(ROOT)
    for package in ("getatext_gateway", "gateway", "mcp_server", "adapters")
    for path in (ROOT / package).rglob("*.py")
)
# Not ours, and held by hash.
VENDORED = (
    ROOT / "gateway" / "http" / "pages" / "swagger_ui",
    ROOT / "tests" / "surface" / "mcp.server.schema.json",
)
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40

# Written in pieces, so that this file does not find itself.
LEAKS = re.compile(
    "|".join(
        (
            r"(?<![\w.-])/(?:work|root)" + "/",
            r"(?<![\w.-])/home/" + r"[a-z_][a-z0-9_-]*/",
            r"(?:pypi|pythonhosted)\." + "org",
            r"registry\." + r"(?:npmjs|yarnpkg)\.",
            r"file" + r"://",
            r"--(?:extra-)?index" + "-url[ =]",
        )
    ),
    re.IGNORECASE,
)


def functions(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def written_files() -> list[Path]:
    """What is in git or would be added to it; outside git, the tree without hidden folders."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists():
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
        return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
    folders = [p for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")]
    inside = [p for folder in folders for p in folder.rglob("*") if "__pycache__" not in p.parts]
    return [p for p in (*ROOT.iterdir(), *inside) if p.is_file()]


def locked_names(lock: str) -> set[str]:
    text = (ROOT / "requirements" / lock).read_text()
    return {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_modules_and_functions_stay_small(module: Path) -> None:
    source = (ROOT / module).read_text()
    long = {name: n for name, n in functions(source) if n >= MAX_FUNCTION_LINES}

    assert len(source.splitlines()) < MAX_MODULE_LINES
    assert not long


def test_imports_keep_their_contracts() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in written_files()
        if not any(map(path.is_relative_to, VENDORED))
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if LEAKS.search(line)
    ]

    assert not found


def test_the_leak_pattern_knows_its_own_kind() -> None:
    samples = ["/work" + "/main", "/home" + "/ann/x", "https://pypi." + "org/simple"]

    assert all(LEAKS.search(sample) for sample in samples)
    assert not LEAKS.search("GET /v1/work/1, /rooted, /home")


@pytest.mark.parametrize("lock", ["run.txt", "dev.txt", "bench.txt", "lowest.txt"])
def test_locks_hold_every_runtime_dependency(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}

    assert wanted <= locked_names(lock)
