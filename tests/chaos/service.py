"""A gateway as systemd runs a service: no HOME, another user than root, one folder to write to."""

import os
import subprocess
from pathlib import Path

from tests.chaos.nodes import ROOT, Surroundings

NOBODY = 65534
# Everything but the folder $1, and what the kernel makes up, can only be read.
_STRICT = """
mount --bind "$1" "$1"
while read -r _ _ _ _ at _; do
    case $at in "$1"|/dev*|/proc*|/sys*) ;; *) mount -o remount,bind,ro "$at" ;; esac
done < /proc/self/mountinfo
shift
exec "$@"
"""
# The interpreter may lie in root's home: then who is not root needs this to start it.
_MAY_READ = "-all,+dac_read_search"
_NO_PRIVILEGES = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"),
    *(f"--{which}={_MAY_READ}" for which in ("inh-caps", "ambient-caps", "bounding-set")),
)


def as_service(data: Path) -> tuple[Surroundings, str]:
    """How a gateway is started that may write to the folder `data` only, and that in words.

    Who is not root stays who it is, and where no mounts can be made the rest stays writable.
    """
    data.parent.chmod(0o711)
    data.mkdir(mode=0o700)
    before: tuple[str, ...] = ()
    how = "this user"
    if os.getuid() == 0:
        os.chown(data, NOBODY, NOBODY)
        before, how = _NO_PRIVILEGES, f"user {NOBODY}"
    if _can_mount():
        before = ("unshare", "--mount", "sh", "-c", _STRICT, "sh", str(data), *before)
        how += ", read-only root"
    seen = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "GATEWAY_DATA_DIR": str(data)}
    return Surroundings(before, Path("/"), seen), f"{how}, no HOME"


def _can_mount() -> bool:
    remount = ["unshare", "--mount", "mount", "-o", "remount,bind,ro", "/"]
    return subprocess.run(remount, capture_output=True, check=False).returncode == 0
