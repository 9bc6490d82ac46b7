"""No circle of files: also not by imports inside functions or for types only."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("getatext_gateway", "gateway", "mcp_server", "adapters")


def files() -> dict[str, Path]:
    """Every file by its module's name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(source: str, modules: Set[str]) -> Iterator[str]:
    """The modules that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules else str(node.module)


def graph() -> Mapping[str, Set[str]]:
    found = files()
    return {name: set(imported(path.read_text(), found.keys())) for name, path in found.items()}


def test_no_file_is_in_a_circle() -> None:
    order = list(TopologicalSorter(graph()).static_order())

    assert len(order) == len(files()) > 250


def test_a_circle_would_be_found() -> None:
    source = "if TYPE_CHECKING:\n    from b import x\ndef f():\n    import c\n"
    assert set(imported(source, {"b", "c"})) == {"b", "c"}

    try:
        list(TopologicalSorter({"a": {"b"}, "b": {"c"}, "c": {"a"}}).static_order())
    except CycleError:
        return
    raise AssertionError("a circle was not found")


def test_the_core_imports_nothing_for_types_only() -> None:
    core = [path for name, path in files().items() if name.startswith("gateway.core")]

    assert core
    assert not [path for path in core if "TYPE_CHECKING" in path.read_text()]


def test_one_file_of_the_core_is_outside_a_package() -> None:
    outside = {path.name for path in (ROOT / "gateway" / "core").glob("*.py")}

    assert outside == {"__init__.py", "identity_cache.py"}


def test_every_folder_says_what_lives_there() -> None:
    folders = {path.parent for path in files().values()}
    said = {}
    for folder in folders:
        if "migrations" in folder.parts:  # scripts that alembic runs, no package
            continue
        said[folder] = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    short = {str(folder.relative_to(ROOT)): text for folder, text in said.items() if not text}

    assert not short


def test_no_public_class_of_the_gateway_and_of_the_mcp_server_has_the_name_of_another() -> None:
    names = Counter(
        node.name
        for name, path in files().items()
        if name.split(".")[0] in ("gateway", "mcp_server")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )

    assert not [name for name, times in names.items() if times > 1]
