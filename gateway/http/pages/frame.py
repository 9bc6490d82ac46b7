"""Pages as HTML: the template of each in the frame that all share."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from string import Template

_HTML = Path(__file__).parent / "html"


def framed(name: str, title: str, safe: Mapping[str, str], head: str = "") -> str:
    """A page. `safe`: what its template holds, escaped; `head`: what its files are loaded by."""
    body = _template(name).substitute(safe)
    return _template("frame").substitute(title=title, head=head, body=body)


@lru_cache
def _template(name: str) -> Template:
    return Template((_HTML / f"{name}.html").read_text(encoding="utf-8"))
