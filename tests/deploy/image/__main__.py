"""Runs the steps of the Dockerfile without Docker, as root on Linux: `make image-steps`.

What is run is read from the Dockerfile. The root of a stage is this machine's, seen through an
overlay and with a Python of the image's version in /usr/local: what a step writes stays in the
overlay. The last stage runs as its user on a root that cannot be written, is asked by its health
check and stopped by its signal. Not tried are the image's own Debian and what only Docker does.
"""

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.deploy.image.container import Container
from tests.deploy.image.dockerfile import stages_of
from tests.deploy.image.root import Root

ROOT = Path(__file__).resolve().parents[3]
_INSIDE = "--in-a-namespace"


def main() -> None:
    """Build every stage, then run the last."""
    if _INSIDE not in sys.argv:
        _go_into_a_namespace()
    built: dict[str, Root] = {}
    with TemporaryDirectory(prefix="image-steps-") as name:
        folder = Path(name)
        try:
            for stage in stages_of((ROOT / "Dockerfile").read_text()):
                click.echo(f"FROM {stage.image} AS {stage.name}")
                root = built[stage.name] = Root(folder / stage.name, stage, ROOT)
                root.mount()
                for step in stage.steps:
                    root.do(step, built)
            container = Container(root, stage, folder)
            with container.running():
                container.check()
        finally:
            for each in built.values():
                each.unmount()
    click.echo("Every step was done.")


def _go_into_a_namespace() -> None:
    """Begin again with mounts and processes that end with this one."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        raise click.ClickException("needs Linux, root and unshare (of util-linux)")
    command = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    os.execv(unshare, [*command, sys.executable, "-m", "tests.deploy.image", _INSIDE])


if __name__ == "__main__":
    main()
