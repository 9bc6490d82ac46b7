"""Writes what tools/list answers into a file: `python -m scripts.mcp_surface --write`."""

import json
import sys
from pathlib import Path

from gateway.core.callers import Account, Caller
from gateway.core.catalog import CATALOG
from mcp_server.options import McpOptions
from mcp_server.tools import Tools

COMMITTED = Path(__file__).resolve().parents[1] / "tests" / "surface" / "tools.json"


def surface() -> str:
    """The tools as everybody sees them who may use all of them."""
    seen = Tools(CATALOG, McpOptions()).of(Caller("anybody", Account("anybody", "")))
    tools = [spec.definition for spec in seen.values()]
    return json.dumps({"tools": tools}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        COMMITTED.write_text(surface())
    else:
        sys.stdout.write(surface())
