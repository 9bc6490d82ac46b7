"""The Bruno collection, run by the platform's own command line."""

import shutil
from collections.abc import Sequence

from scripts.integrations.collections import played
from scripts.integrations.stand import ROOT, Result, Stand

KIT = ROOT / "integrations" / "bruno"


async def check(stand: Stand) -> Sequence[Result]:
    """All of it, and the purchase again."""
    shutil.copytree(KIT, stand.home / "bruno")
    command = ("sh", "-c", 'cd bruno && exec bru run "$@"', "bru", "--env", "local")
    return await played(stand, command, ["-r"], ["Rentals/Rent number.bru"])
