"""The n8n package is one with the project."""

import json
import tomllib

from tests.support.documents import ROOT


def test_the_n8n_package_has_the_projects_version() -> None:
    package = json.loads((ROOT / "integrations" / "n8n" / "package.json").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert package["version"] == project["project"]["version"]
