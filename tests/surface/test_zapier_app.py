"""The Zapier app keeps step with the project; `make integrations` runs it, this needs no Node."""

import json
import re
from pathlib import Path
from typing import Any

from gateway.core.model.events import ALARMS, EventType
from scripts.mcpb import version

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "integrations" / "zapier"
CORE = "zapier-platform-core"


def package(folder: Path) -> Any:
    """What a package.json says."""
    return json.loads((folder / "package.json").read_text(encoding="utf-8"))


def events_named(trigger: str) -> set[str]:
    """The types of events that a trigger names."""
    text = (APP / "triggers" / f"{trigger}.js").read_text(encoding="utf-8")
    return set(re.findall(r"'([a-z]+\.[a-z_]+)'", text))


def test_it_has_the_projects_version() -> None:
    assert package(APP)["version"] == version()


def test_it_is_checked_with_the_platform_that_it_runs_on() -> None:
    pinned = package(APP)["dependencies"][CORE]

    assert re.fullmatch(r"\d+\.\d+\.\d+", pinned)
    assert package(ROOT / "scripts" / "integrations" / "zapier")["dependencies"][CORE] == pinned


def test_its_triggers_know_every_event() -> None:
    assert events_named("new_event") == set(EventType)
    assert events_named("new_alarm") == set(ALARMS)
