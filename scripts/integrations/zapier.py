"""The Zapier app, run by zapier-platform-core."""

from collections.abc import Sequence

from scripts.integrations.stand import ROOT, Result, Stand


async def check(stand: Stand) -> Sequence[Result]:
    """The platform's own checks of the app, and each of its steps and triggers."""
    app = ROOT / "integrations" / "zapier"
    return await stand.told("node", stand.tools / "main.js", ZAPIER_APP=str(app))
