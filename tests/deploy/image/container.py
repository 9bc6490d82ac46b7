"""The last stage as it is run: its user, a root that cannot be written, its check and its end."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from tests.deploy.image.dockerfile import Stage
from tests.deploy.image.root import Root, mount

_PROVIDER = "http://127.0.0.1:9"  # nobody: the real one must not be reached from here
_SECONDS = 60


class Container:
    """A stage that runs as by `docker run --read-only --tmpfs /tmp --cap-drop ALL`."""

    def __init__(self, root: Root, stage: Stage, folder: Path) -> None:
        self._root = root
        self._stage = stage
        self._user, _, self._group = stage.user.partition(":")
        for number, volume in enumerate(stage.volumes):
            kept = folder / f"volume-{number}"
            shutil.copytree(root.inside(volume), kept, symlinks=True)
            state = root.inside(volume).stat()
            os.chown(kept, state.st_uid, state.st_gid)
            mount("--bind", kept, root.inside(volume))
        mount("-o", "remount,ro", root.path)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Until the signal that stops it; raises RuntimeError where it ends otherwise."""
        click.echo(f"Runs {self._stage.command} as {self._stage.user} on a read-only root.")
        process = subprocess.Popen(self._inside(self._stage.command), env=self._env())
        try:
            self._wait_until_healthy(process)
            yield
            began = time.monotonic()
            process.send_signal(getattr(signal, self._stage.stop_signal))
            code = process.wait(_SECONDS)
            lasted = time.monotonic() - began
            click.echo(f"Ended with {code}, {lasted:.1f} s after {self._stage.stop_signal}.")
            _expect(code == 0, "it did not end well")
        finally:
            process.kill()

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        """What `docker exec` would answer."""
        return subprocess.run(
            self._inside(command), env=self._env(), capture_output=True, text=True, check=False
        )

    def check(self) -> None:
        """Raises RuntimeError where the image is not as it is promised."""
        for path in ("/app/written", "/etc/written"):
            _expect(self.ask("touch", path).returncode != 0, f"{path} could be written")
        tools = ("pip", "hatchling", "setuptools")
        for tool in tools:
            code = f"import importlib.util as u, sys; sys.exit(u.find_spec({tool!r}) is not None)"
            _expect(self.ask("python", "-I", "-c", code).returncode == 0, f"{tool} is in it")
        key = self.ask("getatext-gateway", "keys", "create", "--name", "a", "--budget-day", "1")
        _expect(key.returncode == 0, f"a key could not be made: {key.stderr}")
        files = [each for each in self._root.inside("/app").rglob("*") if each.is_file()]
        size = sum(each.stat().st_size for each in files) / 1e6
        click.echo(f"/app has {size:.0f} MB, and no {', '.join(tools)}.")

    def _wait_until_healthy(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _SECONDS
        while self.ask(*self._stage.health).returncode != 0:
            _expect(process.poll() is None, "it ended by itself")
            _expect(time.monotonic() < deadline, "it did not become healthy")
            time.sleep(0.2)
        click.echo("The health check is content.")

    def _env(self) -> dict[str, str]:
        told = {"GATEWAY_PORT": str(self._port), "GETATEXT_BASE_URL": _PROVIDER, "HOME": "/"}
        return self._stage.env | told

    def _inside(self, command: Sequence[str]) -> list[str]:
        user = [f"--reuid={self._user}", f"--regid={self._group}", "--clear-groups"]
        rights = ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
        return ["chroot", str(self._root.path), "setpriv", *user, *rights, *command]


def _expect(kept: bool, otherwise: str) -> None:
    if not kept:
        raise RuntimeError(otherwise)
