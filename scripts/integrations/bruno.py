"""The Bruno collection, run by the platform's own command line."""

import shutil
from collections.abc import Sequence

from scripts.integrations.collections import BOUGHT, outcome, repeated
from scripts.integrations.receiver import receiving
from scripts.integrations.stand import ROOT, Result, Stand

KIT = ROOT / "integrations" / "bruno"


async def check(stand: Stand) -> Sequence[Result]:
    """Every request once, in order; then the purchase alone, again with the same request id."""
    shutil.copytree(KIT, stand.home / "bruno")
    async with receiving() as (url, bodies):
        results = [await _run(stand, "every request is answered as it says", url, "-r")]
        results += outcome(stand.simulator, bodies)
    for name in ("a purchase alone is answered", "and again"):
        results.append(await _run(stand, name, url, "Rentals/Rent number.bru"))
    return [*results, repeated(stand.simulator, BOUGHT)]


async def _run(stand: Stand, name: str, webhook: str, *what: str) -> Result:
    given = {"baseUrl": stand.url, "apiKey": stand.key, "webhookUrl": webhook, "requestId": "kits"}
    variables = [word for pair in given.items() for word in ("--env-var", "=".join(pair))]
    code, printed = await stand.run(
        *("sh", "-c", 'cd bruno && exec bru run "$@"', "bru"),
        *(*what, "--env", "local", *variables),
    )
    return Result(name, printed[-4000:] if code else None)
