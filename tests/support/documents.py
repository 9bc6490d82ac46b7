"""The snippets of the documents, as a user copies them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MCP = (ROOT / "docs" / "mcp.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"
KEY = "sk_…"


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def snippets(client: str, language: str) -> list[str]:
    """What docs/mcp.md says for a client."""
    _, _, after = MCP.partition(f"\n### {client}\n")
    section, _, _ = after.partition("\n##")
    return blocks(section, language)


def filled(snippet: str, *, url: str, key: str) -> str:
    """A snippet with an address and a key of one's own put in; it must have a place for the key."""
    assert KEY in snippet
    return snippet.replace(ADDRESS, url).replace(KEY, key)
