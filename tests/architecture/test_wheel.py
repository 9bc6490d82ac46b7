"""The wheel as it is installed beside other projects that have packages of the same names.

It is built and installed without network: the dependencies are those of this environment.
"""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from scripts.mcpb import ROOT, version

pytestmark = pytest.mark.xdist_group("wheel")  # one worker builds and installs it

OTHERS = ("adapters", "gateway", "mcp_server")


@dataclass(frozen=True)
class Installed:
    """An environment that holds the wheel, and a folder to run it from."""

    python: Path
    folder: Path

    @property
    def program(self) -> str:
        return str(self.python.with_name("getatext-gateway"))

    @contextmanager
    def started(self, *command: str, **env: str) -> Iterator[subprocess.Popen[str]]:
        """A process; killed where it still runs at the end of the block."""
        usual = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        usual |= dict.fromkeys(("HOME", "TMPDIR", "XDG_DATA_HOME"), str(self.folder))
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=usual | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *command: str, **env: str) -> str:
        with self.started(*command, **env) as process:
            answer, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return answer


def found(pattern: str, stream: IO[str] | None) -> re.Match[str]:
    """The first line that the pattern matches."""
    assert stream
    read = []
    for line in stream:
        if match := re.search(pattern, line):
            return match
        read.append(line)
    raise AssertionError("".join(read))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    install = ["install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run([*pip, *install], check=True, capture_output=True)
    (packages,) = home.glob("lib/python*/site-packages")
    for name in OTHERS:
        (packages / name).mkdir(exist_ok=True)
        (packages / name / "__init__.py").write_text("raise ImportError('of another project')\n")
    # A folder that a .pth file names has no .pth files of its own: no editable install is seen.
    dependencies = [each for each in sys.path if each.endswith(("site-packages", "dist-packages"))]
    (packages / "dependencies.pth").write_text("\n".join(dependencies))
    return Installed(python, tmp_path_factory.mktemp("elsewhere"))


def test_the_wheel_puts_one_name_into_site_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {name.split("/")[0] for name in names} == {
        "getatext_gateway",
        f"getatext_gateway-{version()}.dist-info",
    }
    assert "getatext_gateway/py.typed" in names
    assert "getatext_gateway/adapters/store/migrations/env.py" in names
    assert "getatext_gateway/gateway/http/pages/html/home.html" in names
    assert "getatext_gateway/gateway/http/pages/console/index.html" in names
    assert "getatext_gateway/gateway/http/pages/console/main.js" in names
    assert "getatext_gateway/gateway/http/pages/own/favicon.ico" in names
    assert "getatext_gateway/gateway/http/pages/own/icon.png" in names
    assert "getatext_gateway/gateway/http/pages/own/icon.svg" in names
    assert "getatext_gateway/gateway/http/pages/swagger_ui/LICENSE" in names


def test_the_description_has_no_link_that_only_the_repository_could_follow(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    links = re.findall(r"\]\(\s*<?([^)>\s]+)|^\s*\[[^\]]+\]:\s*(\S+)", text, re.MULTILINE)

    assert links
    assert [link for pair in links for link in pair if link and "://" not in link] == []


def test_the_program_is_found_beside_others_of_its_packages_names(installed: Installed) -> None:
    told = f"getatext-gateway {version()}\n"

    assert installed.run(installed.program, "version") == told
    assert installed.run(str(installed.python), "-m", "getatext_gateway", "version") == told


def test_the_installed_commands_ask_an_installed_provider(installed: Installed) -> None:
    with installed.started(installed.program, "simulate") as provider:
        told = found(r"GETATEXT_BASE_URL=(\S+) GETATEXT_API_KEY=(\S+)", provider.stdout)
        env = {"GETATEXT_BASE_URL": told[1], "GETATEXT_API_KEY": told[2]}
        prices = json.loads(installed.run(installed.program, "prices", "whatsapp", "--json", **env))

    assert [row["service_code"] for row in prices["data"]] == ["whatsapp"]


def test_the_installed_gateway_serves_until_sigterm(installed: Installed) -> None:
    serve = (installed.program, "serve", "--simulate", "--port", "0", "--log-level", "error")
    with installed.started(*serve) as process:
        url = found(r"on (http://127\.0\.0\.1:\d+)", process.stdout)[1]
        with urllib.request.urlopen(f"{url}/healthz", timeout=60) as answer:
            status = answer.status
        with urllib.request.urlopen(f"{url}/assets/swagger-ui-bundle.js", timeout=60) as answer:
            viewer = answer.status
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)

    assert (status, viewer) == (200, 200)
    assert (process.returncode, errors) == (0, "")
