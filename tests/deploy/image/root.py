"""The root of a stage: this machine's through an overlay, with the image's Python in /usr/local."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import click

from tests.deploy.image.dockerfile import Stage, Step, in_context

_PASSED_ON = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")


class Root:
    """Where the steps of one stage are done."""

    def __init__(self, folder: Path, stage: Stage, context: Path) -> None:
        self.path = folder / "root"
        self._layer, self._work = folder / "layer", folder / "work"
        self._stage = stage
        self._context = context
        self._folder = PurePosixPath("/")  # what WORKDIR says

    def mount(self) -> None:
        """Mount it, without the homes and the checkout of this machine."""
        for each in (self.path, self._layer, self._work):
            each.mkdir(parents=True)
        layers = f"lowerdir=/,upperdir={self._layer},workdir={self._work}"
        mount("-t", "overlay", "-o", layers, "overlay", self.path)
        for hidden in ("home", "root", "tmp", str(self._context).lstrip("/")):
            mount("-t", "tmpfs", "tmpfs", self.path / hidden)
        mount("-t", "proc", "proc", self.path / "proc")
        mount("--rbind", "/dev", self.path / "dev")
        self._mount_python()

    def _mount_python(self) -> None:
        name, local = f"python{self._stage.python}", self.path / "usr" / "local"
        found = [f"{folder}/{name}" for folder in os.get_exec_path()]
        prefix = next(filter(None, map(_prefix, found)), None)
        if prefix is None:
            click.echo(f"  No {name} on the PATH: {sys.executable} in its place.")
            prefix = sys.base_prefix
        if prefix == "/usr":
            (local / "bin" / "python").symlink_to("/usr/bin/python3")
        else:
            mount("--bind", prefix, local)
            self.run(["ldconfig"])

    def unmount(self) -> None:
        """Unmount all of it."""
        subprocess.run(["umount", "--recursive", self.path], check=True)

    def do(self, step: Step, built: Mapping[str, "Root"]) -> None:
        """Do a step that writes; the others only say how a container is run."""
        click.echo(f"  {step.instruction} {step.words}")
        match step.instruction:
            case "WORKDIR":
                self._folder /= step.words
                self.inside(self._folder).mkdir(parents=True, exist_ok=True)
            case "RUN":
                self.run(["sh", "-c", f"cd {self._folder} && {step.words}"])
            case "COPY":
                *given, source, target = step.words.split()
                stages = [word.removeprefix("--from=") for word in given]
                self._copy(built[stages[0]] if stages else None, source, target)

    def run(self, command: Sequence[str]) -> None:
        """Run a command of the build, with what this machine says of proxies and packages."""
        passed_on = {k: v for k, v in os.environ.items() if k.upper().startswith(_PASSED_ON)}
        env = passed_on | {"HOME": "/root"} | self._stage.env
        subprocess.run(["chroot", str(self.path), *command], check=True, env=env)

    def inside(self, path: PurePosixPath | str) -> Path:
        """Where a path of the stage is seen from outside."""
        return self.path / str(path).lstrip("/")

    def _copy(self, stage: "Root | None", source: str, target: str) -> None:
        to = self.inside(self._folder / target)
        if stage is not None:
            subprocess.run(["cp", "--archive", stage.inside(source), to], check=True)
            return
        rules = (self._context / ".dockerignore").read_text()
        chosen = self._context / source
        for path in [chosen] if chosen.is_file() else chosen.rglob("*"):
            name = path.relative_to(self._context)
            if path.is_file() and in_context(PurePosixPath(name), rules):
                copy = to if chosen.is_file() else to / path.relative_to(chosen)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)


def _prefix(python: str) -> str | None:
    """Where a Python is installed; None where it does not run."""
    command = [python, "-I", "-c", "import sys; print(sys.base_prefix)"]
    try:
        told = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.strip()


def mount(*words: str | Path) -> None:
    """Mount as told."""
    subprocess.run(["mount", *map(str, words)], check=True)
