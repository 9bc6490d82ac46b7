"""Random sequences on each database and number of nodes: see machine.py."""

from pathlib import Path

import pytest

from tests.model.variants import play, stage
from tests.support.postgres import Postgres


@pytest.mark.parametrize("nodes", [1, 2])
def test_sqlite(nodes: int, tmp_path: Path) -> None:
    with stage(None, tmp_path, nodes) as machine:
        play(machine, 100)


@pytest.mark.parametrize("nodes", [1, 2])
def test_postgres(nodes: int, tmp_path: Path, postgres: Postgres) -> None:
    with postgres.database() as url, stage(url, tmp_path, nodes) as machine:
        play(machine, 50)
