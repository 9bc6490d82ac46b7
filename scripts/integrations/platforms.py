"""The scripts that docs/platforms.md prints, run as their platforms do."""

from collections.abc import Sequence

from scripts.integrations.stand import ROOT, Result, Stand


async def check(stand: Stand) -> Sequence[Result]:
    """Each rents, waits and completes; again it buys nothing, and it says what went wrong."""
    page = ROOT / "docs" / "platforms.md"
    return await stand.told("node", stand.tools / "main.mjs", PAGE=str(page))
