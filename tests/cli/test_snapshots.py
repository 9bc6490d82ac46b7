"""Commands at terminals of 80 and of 60 columns look as in the snapshots, and keep ids whole."""

import pytest

from tests.cli.terminal_snapshots import FOLDER, KEYS, RENTALS, taken

TABLES = ("prices", "rentals", "events", "usage", "keys", "ledger", "long")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return dict(taken(tmp_path_factory.mktemp("stands")))


@pytest.mark.xdist_group("snapshots")
def test_commands_look_as_in_their_snapshots(shown: dict[str, str]) -> None:
    """Written anew by `python -m tests.cli.terminal_snapshots --write`."""
    assert shown == {file.name: file.read_text() for file in FOLDER.glob("*.txt")}


@pytest.mark.xdist_group("snapshots")
@pytest.mark.parametrize("columns", [80, 60])
def test_tables_fit_and_what_is_copied_from_them_is_whole(
    shown: dict[str, str], columns: int
) -> None:
    rentals, keys, ledger = (
        shown[f"{name}.{columns}.txt"].split() for name in ("rentals", "keys", "ledger")
    )
    lines = [line for name in TABLES for line in shown[f"{name}.{columns}.txt"].splitlines()]
    tables = [line for line in lines if not line.startswith(("$", "Usage:", "Error:", "More:"))]

    assert {str(made.id) for made in RENTALS} <= set(rentals)
    assert {made.number for made in RENTALS} <= set(rentals)
    assert {key.id for key in KEYS} <= set(keys)
    assert ledger.count("LEDGER_ID".ljust(25, ".")) >= len(RENTALS)
    assert max(map(len, tables)) <= columns
