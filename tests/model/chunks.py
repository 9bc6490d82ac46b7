"""Many sequences of one seed, played in a process of its own."""

import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from tests.model.machine import Gatewaying
from tests.model.variants import play, stage
from tests.support.postgres import running


@dataclass(frozen=True, slots=True)
class Chunk:
    """So many sequences of one seed."""

    variant: str
    sequences: int
    seed: int

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}: {self.sequences} sequences"


def play_chunk(chunk: Chunk) -> int:
    begun = time.monotonic()
    failed = run(chunk.variant, partial(play, sequences=chunk.sequences, seed=chunk.seed))
    verdict = "FAILED" if failed else "held"
    sys.stdout.write(f"{chunk} in {time.monotonic() - begun:.0f} s: {verdict}\n")
    sys.stdout.flush()
    return failed


def run(variant: str, work: Callable[[type[Gatewaying]], None]) -> int:
    """Do it with the state machine of a variant; 1, and the error printed, where it fails."""
    database, _, nodes = variant.partition("-")
    with ExitStack() as stack:
        url = None
        if database == "postgres":
            url = stack.enter_context(stack.enter_context(running()).database())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="model-")))
        machine = stack.enter_context(stage(url, folder, int(nodes)))
        try:
            work(machine)
        except Exception as error:
            sys.stdout.write("".join(traceback.format_exception(error)))
            return 1
    return 0


def quiet() -> None:
    critical = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=critical)
