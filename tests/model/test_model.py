"""Random sequences on each database and number of nodes, always the same ones: see machine.py.

What fails is printed as its steps; `python -m tests.model --replay` plays them again.
"""

from pathlib import Path

import pytest

from tests.model.variants import play, stage
from tests.support.postgres import Postgres


@pytest.mark.parametrize("nodes", [1, 2])
def test_sqlite(nodes: int, tmp_path: Path) -> None:
    with stage(None, tmp_path, nodes) as machine:
        play(machine, 56, shrink=False)


@pytest.mark.parametrize("nodes", [1, 2])
def test_postgres(nodes: int, tmp_path: Path, postgres: Postgres) -> None:
    with postgres.database() as url, stage(url, tmp_path, nodes) as machine:
        play(machine, 28, shrink=False)
