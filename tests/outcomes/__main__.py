"""`python -m tests.outcomes`: callers with budgets who want codes, of numbers often silent.

In held time, while answers are lost and the gateway ends each minute. Ends with 1 where a promise
was broken.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.model.chunks import quiet
from tests.outcomes.running import report, run
from tests.outcomes.world import TTL, Plan


def main() -> int:
    arguments = _arguments()
    for name in [name for name in os.environ if name.upper().startswith(("GATEWAY_", "GETATEXT_"))]:
        del os.environ[name]
    quiet()
    results = []
    for plan in _plans(arguments):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="outcomes-") as folder:
            results.append(run(plan, Path(folder)))
        sys.stderr.write(f"{plan.name}: {time.monotonic() - begun:.0f} s\n")
    sys.stdout.write(f"\n{report(results)}\n")
    return 1 if any(result.broken for result in results) else 0


def _plans(arguments: argparse.Namespace) -> Iterator[Plan]:
    """About as many numbers in each: where silent ones come back, more of them are codes."""
    keys, numbers = arguments.keys, arguments.numbers / arguments.keys
    yield Plan("lock of 5 minutes", keys, round(numbers * 0.6), 300.0, seed=arguments.seed)
    yield Plan("lock as long as the ttl", keys, round(numbers), TTL * 60.0, seed=arguments.seed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.outcomes", description=__doc__)
    parser.add_argument("--numbers", type=int, default=1050, help="rented, or lost on the way")
    parser.add_argument("--keys", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
