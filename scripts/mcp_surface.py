"""Keeps the file of what tools/list answers the same as the tools: --write or --check."""

import json
import sys
from pathlib import Path

from gateway.core.model.callers import Account, Caller
from gateway.core.operations.catalog import CATALOG
from mcp_server.options import McpOptions
from mcp_server.tools.definitions import Tools

COMMITTED = Path(__file__).resolve().parents[1] / "tests" / "surface" / "tools.json"


def surface() -> str:
    """The tools as everybody sees them who may use all of them."""
    specs = Tools(CATALOG, McpOptions()).visible_to(Caller("anybody", Account("anybody", "")))
    tools = [spec.definition for spec in specs.values()]
    return json.dumps({"tools": tools}, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Rewrite the file, or exit with 1 where it is out of date."""
    if "--write" in sys.argv[1:]:
        COMMITTED.write_text(surface(), encoding="utf-8")
    elif COMMITTED.read_text(encoding="utf-8") != surface():
        sys.exit(f"{COMMITTED.name}: the tools are out of date. Run `make surfaces`.")


if __name__ == "__main__":
    main()
