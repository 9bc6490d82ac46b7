"""What lies on the disk: who may read it, how long it is kept, when the program does not start."""

import sqlite3
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from adapters.simulator import Simulator
from gateway.cli.main import cli
from tests.support.gateway import new_database
from tests.support.money import CHARGING, OWN, open_bank, rent, replayed

Start = Callable[..., Result]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def start() -> Start:
    """Runs a command that opens the store."""

    def run(url: str, **env: str) -> Result:
        given = {"GATEWAY_DATABASE_URL": url, "GETATEXT_API_KEY": OWN, **env}
        return CliRunner(env=given).invoke(cli, ["keys", "list", "--json"])

    return run


def test_the_ledger_and_its_secret_are_the_users_alone(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    result = start(f"sqlite:///{folder / 'gateway.db'}")
    files = {path.name: mode(path) for path in folder.iterdir() if path.is_file()}

    assert result.exit_code == 0, result.output
    assert {"gateway.db", "gateway.secret"} <= files.keys()
    assert set(files.values()) == {0o600}
    assert mode(folder) == 0o700


def test_the_secret_is_made_once(start: Start, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    start(url)
    first = (tmp_path / "gateway.secret").read_bytes()
    start(url)

    assert len(first) >= 32
    assert (tmp_path / "gateway.secret").read_bytes() == first


def test_a_given_secret_is_not_written_down(start: Start, tmp_path: Path) -> None:
    start(
        f"sqlite:///{tmp_path / 'gateway.db'}",
        GATEWAY_SECRET="a secret that an operator has chosen",
    )

    assert not (tmp_path / "gateway.secret").exists()


def test_postgresql_without_a_secret_does_not_start(start: Start, postgres_url: str) -> None:
    result = start(postgres_url)

    assert result.exit_code == 2
    assert "GATEWAY_SECRET" in result.output
    assert "Traceback" not in result.output


def test_a_newer_ledger_than_the_program_knows_does_not_start(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    start(f"sqlite:///{path}")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE gateway_schema SET version_num = '9999'")
    database.close()
    result = start(f"sqlite:///{path}")

    assert result.exit_code == 2
    assert "newer" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("url", ["mysql://nowhere/x", "sqlite:////proc/nowhere/x.db"])
def test_a_store_that_cannot_be_opened_is_a_sentence(start: Start, url: str) -> None:
    result = start(url, GATEWAY_SECRET="a secret that an operator has chosen")

    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert "Traceback" not in result.output


async def test_codes_and_answers_are_deleted_and_money_is_kept() -> None:
    url = new_database()
    async with Simulator(CHARGING).running() as sim, open_bank(url, sim) as bank:
        made = (await rent(bank.client, "order-1")).json
        sim.receive_code(made["id"], "048213")
        read = (await bank.client.get(f"/v1/rentals/{made['id']}")).json
        later = datetime.now(UTC) + timedelta(seconds=1)
        ledger = bank.running.gateway.ledger
        touched = await ledger.purge(later, later)
    async with open_bank(url, sim) as bank:
        (row,) = (await bank.client.get("/v1/rentals")).json["data"]
        balance_key = (await bank.running.gateway.ledger.spends(1))[0]
    path = Path(url.removeprefix("sqlite:///"))
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())

    assert read["code"] == "048213"
    assert touched > 0
    assert (row["id"], row["code"], row["price"]) == (made["id"], None, "0.55")
    assert (balance_key.request_id, balance_key.answer) == (None, None)
    assert str(balance_key.charged) == "0.55"
    assert b"048213" not in stored


async def test_an_id_is_forgotten_after_its_time_and_not_before() -> None:
    async with open_bank(new_database()) as bank:
        ledger, now = bank.running.gateway.ledger, datetime.now(UTC)
        first = await rent(bank.client, "order-1")
        await ledger.purge(now - timedelta(days=30), now - timedelta(seconds=5))
        again = await rent(bank.client, "order-1")
        await ledger.purge(now - timedelta(days=30), now + timedelta(seconds=5))
        new = await rent(bank.client, "order-1")

    assert replayed(again)
    assert not replayed(new)
    assert new.json["id"] != first.json["id"]


async def test_an_unknown_outcome_is_never_forgotten() -> None:
    from adapters.simulator import Fault, FaultKind

    async with open_bank(new_database()) as bank:
        bank.sim.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
        later = datetime.now(UTC) + timedelta(days=365)
        await rent(bank.client, "order-1")
        await bank.running.gateway.ledger.purge(later, later)
        again = await rent(bank.client, "order-1")

    assert again.json["code"] == "outcome_unknown"
    assert bank.rents == 1
