"""Keeps the README's table of settings the same as the settings: --write or --check."""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from gateway.settings import Settings

README = Path("README.md")
BEGIN = "<!-- settings: written by `make surfaces` -->\n"
END = "<!-- end of settings -->"


def table() -> str:
    """The table, a row for each setting, in their order."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = _shown(field.get_default(call_default_factory=True))
        rows.append(f"| `{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _shown(default: Any) -> str:
    if default is None or default is PydanticUndefined or isinstance(default, SecretStr):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list | dict):
        return f"`{json.dumps(default)}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def main() -> None:
    """Rewrite the README, or exit with 1 where it is out of date."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    made = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    if "--write" in sys.argv:
        README.write_text(made, encoding="utf-8")
    elif made != text:
        sys.exit("README.md: the table of settings is out of date. Run `make surfaces`.")


if __name__ == "__main__":
    main()
