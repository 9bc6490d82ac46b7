"""Keeps the page at /acceptable-use the same as docs/acceptable-use.md: --write or --check."""

import sys
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "docs" / "acceptable-use.md"
COMMITTED = ROOT / "gateway" / "http" / "pages" / "html" / "acceptable-use.html"


def page() -> str:
    """The template of the page: blocks wider than a phone can be scrolled without a mouse."""
    text = MarkdownIt().render(SOURCE.read_text(encoding="utf-8")).replace("$", "$$")
    scrollable = text.replace("<pre>", '<pre tabindex="0">')
    return f"<main>\n{scrollable}</main>\n"


def main() -> None:
    """Rewrite the page, or exit with 1 where it is out of date."""
    if "--write" in sys.argv[1:]:
        COMMITTED.write_text(page(), encoding="utf-8")
    elif COMMITTED.read_text(encoding="utf-8") != page():
        sys.exit(f"{COMMITTED.name}: the page is out of date. Run `make surfaces`.")


if __name__ == "__main__":
    main()
