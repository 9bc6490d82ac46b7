"""Runs the command line: `python -m gateway` in the repository, by `getatext_gateway` installed."""

import gc

from gateway.cli.main import cli

_COLLECT_AFTER = 10_000  # new objects before the garbage collector runs: most are of modules


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    gc.set_threshold(_COLLECT_AFTER)
    try:
        cli(prog_name="getatext-gateway")
    finally:
        gc.freeze()  # the interpreter's last collections would be a good part of the whole time


if __name__ == "__main__":
    main()
