"""Processes forked from one that has loaded what they need and done nothing: there at once."""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "tests.support.program",
        "tests.support.terminal",
        "gateway.cli.commands.wait",
        "gateway.cli.execution",
        "gateway.cli.operations",
        "gateway.cli.output",
        "gateway.wiring",
        "gateway.wiring.backup",
        "pytest",
        "rich.live",
    ]
)
