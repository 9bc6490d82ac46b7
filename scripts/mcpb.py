"""Builds the MCPB bundle that desktop clients install: `python -m scripts.mcpb`."""

import json
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / "mcpb" / "manifest.json"
SERVER = ROOT / "server.json"
PACKAGES = ("getatext_gateway", "gateway", "mcp_server", "adapters")
BESIDES = ("pyproject.toml", "README.md", "LICENSE")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_GROUPS = re.compile(r"^\[dependency-groups\]\n.*?(?=^\[)", re.MULTILINE | re.DOTALL)


def version() -> str:
    """The project's version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def files() -> Iterator[Path]:
    """What goes into the bundle besides the manifest."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
    yield from (ROOT / name for name in BESIDES)


def build(folder: Path) -> Path:
    """The bundle: the same bytes each time it is built of the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    bundle = folder / f"getatext-gateway-{version()}.mcpb"
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "manifest.json", MANIFEST)
        for path in files():
            _add(archive, path.relative_to(ROOT).as_posix(), path)
    return bundle


def without_groups(project: str) -> str:
    """A pyproject.toml without what developers install: uv resolves all of it before a start."""
    return _GROUPS.sub("", project)


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    about = zipfile.ZipInfo(name, _LONG_AGO)
    about.compress_type = zipfile.ZIP_DEFLATED
    about.external_attr = 0o644 << 16
    content = path.read_bytes()
    if name == "pyproject.toml":
        content = without_groups(content.decode()).encode()
    archive.writestr(about, content)


def set_version() -> None:
    """Write the project's version into both manifests."""
    for path in (MANIFEST, SERVER):
        content = json.loads(path.read_text())
        content["version"] = version()
        for package in content.get("packages", ()):
            package["version"] = version()
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if "--set-version" in sys.argv[1:]:
        set_version()
    sys.stdout.write(f"{build(ROOT / 'dist').relative_to(ROOT)}\n")
