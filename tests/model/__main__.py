"""`python -m tests.model`: many sequences in several processes; ends with 1 where one fails.

A sequence that fails is printed as its steps, which `--replay FILE` plays again. The same seed
makes the same sequences.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.model.chunks import Chunk, play_chunk, quiet, run
from tests.model.variants import play_again
from tests.support.postgres import RUN, running

_CHUNK = 250
# Parts of all sequences: PostgreSQL takes several times as long.
_SHARES = {"sqlite-1": 0.35, "sqlite-2": 0.35, "postgres-1": 0.15, "postgres-2": 0.15}


def main() -> int:
    arguments = _arguments()
    for name in [name for name in os.environ if name.upper().startswith(("GATEWAY_", "GETATEXT_"))]:
        del os.environ[name]
    os.environ["PYTEST_XDIST_TESTRUNUID"] = RUN  # one PostgreSQL for all processes
    if arguments.replay is not None:
        return run(arguments.on[0], partial(play_again, text=arguments.replay.read_text()))
    with (
        running(),  # from the first process to the last
        ProcessPoolExecutor(arguments.processes, get_context("spawn"), quiet) as pool,
    ):
        playing = [pool.submit(play_chunk, chunk) for chunk in _chunks(arguments)]
        return max(done.result() for done in as_completed(playing))


def _chunks(arguments: argparse.Namespace) -> Iterator[Chunk]:
    shares = sum(_SHARES[variant] for variant in arguments.on)
    seed = arguments.seed
    for variant in arguments.on:
        left = round(arguments.sequences * _SHARES[variant] / shares)
        while left > 0:
            yield Chunk(variant, min(left, _CHUNK), seed)
            left, seed = left - _CHUNK, seed + 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--sequences", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first 250 sequences")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--on", nargs="+", choices=list(_SHARES), default=list(_SHARES))
    parser.add_argument("--replay", type=Path, help="a file with the steps that were printed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
