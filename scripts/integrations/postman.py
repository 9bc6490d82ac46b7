"""The Postman collection, run by newman, the platform's own runner."""

from collections.abc import Sequence

from scripts.integrations.collections import BOUGHT, outcome, repeated
from scripts.integrations.receiver import receiving
from scripts.integrations.stand import ROOT, Result, Stand

KIT = ROOT / "integrations" / "postman"


async def check(stand: Stand) -> Sequence[Result]:
    """Every request once, in order; then the purchase alone, again with the same request id."""
    async with receiving() as (url, bodies):
        results = [await _run(stand, "every request is answered as it says", url)]
        results += outcome(stand.simulator, bodies)
    for name in ("a purchase alone is answered", "and again"):
        results.append(await _run(stand, name, url, "--folder", "Rent number"))
    return [*results, repeated(stand.simulator, BOUGHT)]


async def _run(stand: Stand, name: str, webhook: str, *more: str) -> Result:
    given = {"baseUrl": stand.url, "apiKey": stand.key, "webhookUrl": webhook, "requestId": "kits"}
    variables = [word for pair in given.items() for word in ("--env-var", "=".join(pair))]
    code, printed = await stand.run(
        *("newman", "run", KIT / "getatext-gateway.postman_collection.json"),
        *("--environment", KIT / "local.postman_environment.json"),
        *("--color", "off", "--timeout-request", "40000", *variables, *more),
    )
    return Result(name, printed[-4000:] if code else None)
