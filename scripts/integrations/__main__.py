"""Runs the checks of all kits, or of those that are named, and prints a table.

Exits with 0 only where every check passed.
"""

import asyncio
import importlib
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.integrations.stand import KitCheck, Result, standing

HERE = Path(__file__).parent
KITS = ("n8n", "zapier", "power-platform", "postman", "bruno", "platforms")


def module(kit: str) -> str:
    """The module that checks a kit."""
    return f"scripts.integrations.{kit.replace('-', '_')}"


def present() -> list[str]:
    """The kits that have a check. A folder of tools alone is none."""
    specs = {kit: find_spec(module(kit)) for kit in KITS}
    return [kit for kit, spec in specs.items() if spec is not None and spec.origin is not None]


async def checked(kit: str) -> Sequence[Result]:
    """What the checks of a kit came to; a check that breaks down is a failure of its kit."""
    try:
        check: KitCheck = importlib.import_module(module(kit)).check
        async with standing(HERE / kit.replace("-", "_")) as stand:
            return await check(stand) or [Result("is checked", "Nothing was checked.")]
    except Exception as error:  # the other kits are checked all the same
        return [Result("is checked", f"{type(error).__name__}: {error}")]


def show(console: Console, kit: str, results: Sequence[Result]) -> None:
    """Print a kit's part of the table, and why what failed did."""
    table = Table("Kit", "Checked", "Result", box=None, show_header=False, padding=(0, 2, 0, 0))
    for result in results:
        table.add_row(kit, result.name, "ok" if result.reason is None else "FAILED")
    console.print(table)
    for result in results:
        if result.reason is not None:
            console.print(f"{result.name}: {result.reason}", markup=False, highlight=False)


async def main(named: Sequence[str]) -> int:
    """Check kits and tell; 0 where all is well, 1 where a check failed, 2 where none can run."""
    console = Console()
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            console.print(f"Needs {program}, which comes with Node: https://nodejs.org")
            return 2
    if unknown := set(named) - set(present()):
        console.print(f"No such kit: {', '.join(sorted(unknown))}. There are {present()}.")
        return 2
    failed = 0
    for kit in named or present():
        results = await checked(kit)
        show(console, kit, results)
        failed += sum(result.reason is not None for result in results)
    console.print(f"{failed} failed." if failed else "All passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
