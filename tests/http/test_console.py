"""The console's files: small, whole, and without a way for a text to become code or an element."""

import gzip
import re
from pathlib import Path

import pytest

from gateway.core.model.callers import Limits
from gateway.http.pages.files import FILES
from tests.support.gateway import Client, run_simulated
from tests.support.keys import make_key

FOLDER = Path(__file__).resolve().parents[2] / "gateway" / "http" / "pages" / "console"
MODULES = sorted(FOLDER.glob("*.js"))
MOST_BYTES = 60_000
MOST_LINES = 200
# What makes elements or code of text, keeps something for longer than the tab, or asks by itself.
NEVER = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|"
    r"\beval\b|new Function|localStorage|indexedDB|document\.cookie|https?://(?!www\.w3\.org/2000/svg)"
)

each_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)


def test_every_file_is_served() -> None:
    served = {path for path in FILES.values() if path.parent == FOLDER}

    assert served | {FOLDER / "index.html"} == set(FOLDER.iterdir())


def test_all_of_it_is_small() -> None:
    sizes = [len(gzip.compress(path.read_bytes(), 6)) for path in FOLDER.iterdir()]

    assert len(sizes) > 3
    assert sum(sizes) <= MOST_BYTES


@each_module
def test_no_text_becomes_an_element_or_code(module: Path) -> None:
    assert re.findall(NEVER, module.read_text()) == []


@each_module
def test_a_module_is_one_subject_and_says_which(module: Path) -> None:
    text = module.read_text()

    assert text.startswith("// ")
    assert len(text.splitlines()) <= MOST_LINES


def test_every_module_that_is_imported_is_there() -> None:
    imported = {
        name for path in MODULES for name in re.findall(r'from "\./(.+)"', path.read_text())
    }

    assert imported | {"main.js"} == {path.name for path in MODULES}


async def test_the_browser_is_told_to_refuse_what_parses_text(client: Client) -> None:
    answer = await client.ask("GET", "/console", key=None)
    policy = answer.headers["Content-Security-Policy"].split("; ")

    assert "require-trusted-types-for 'script'" in policy
    assert "trusted-types 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_a_key_reads_what_it_may() -> None:
    limits = Limits(read_only=True, services=frozenset({"whatsapp", "discord"}), max_active=3)
    async with run_simulated(getatext_api_key="sk_demo") as stand:
        key = await make_key(stand.gateway, "looks", limits)
        own = (await stand.client.ask("GET", "/v1/key", key=key)).json
        foreign = await stand.client.ask("GET", "/v1/key")

    assert (own["name"], own["read_only"], own["admin"]) == ("looks", True, False)
    assert (own["services"], own["max_active"]) == (["discord", "whatsapp"], 3)
    assert own["budget_day"] is None
    assert (foreign.status, foreign.json["code"]) == (403, "gateway_key_required")
