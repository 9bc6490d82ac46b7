"""`backup` and `restore`: a SQLite ledger and its secret in one file, and back."""

import asyncio
import gzip
import json
import shutil
import sqlite3
import stat
import tarfile
from contextlib import closing
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from gateway.settings import Settings
from gateway.wiring import open_gateway
from gateway.wiring.backup import back_up, restore
from tests.cli.conftest import Provider, Run
from tests.support.ending import killed_at, with_room
from tests.support.gateway import run_gateway, settings
from tests.support.store_process import another

REPLACE = partial(restore, replace=True)
BEFORE = "what stood there before"


INSERT_KEY = "INSERT INTO keys (id, name, hashed, limits, created_at) VALUES"


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'gateway.db'}"


def open_once(folder: Path, **more: Any) -> Settings:
    """Make the ledger in this folder; its settings."""
    given = settings("http://127.0.0.1:9", gateway_database_url=url_of(folder), **more)

    async def use() -> None:
        async with open_gateway(given, follow=False):
            pass

    asyncio.run(use())
    return given


def mark(folder: Path, name: str) -> None:
    """Write a key of that name into the ledger."""
    with closing(sqlite3.connect(folder / "gateway.db")) as connection, connection:
        connection.execute(f"{INSERT_KEY} (?, ?, ?, '{{}}', 0)", [name] * 3)


def marked(folder: Path) -> list[str]:
    """The names of its keys, if the ledger can be opened with its secret."""
    open_once(folder)
    with closing(sqlite3.connect(folder / "gateway.db")) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM keys")]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a ledger that another one is to replace."""
    folder = tmp_path_factory.mktemp("old")
    open_once(folder)
    mark(folder, "old")
    return folder


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of another ledger, whose backup is the file `backup` in it."""
    folder = tmp_path_factory.mktemp("new")
    given = open_once(folder)
    mark(folder, "new")
    back_up(given, folder / "backup")
    return folder


@pytest.fixture
def place(old: Path, tmp_path: Path) -> Path:
    """A folder with a copy of the old ledger."""
    folder = tmp_path / "place"
    folder.mkdir()
    for name in ("gateway.db", "gateway.secret"):
        shutil.copy(old / name, folder / name)
    return folder


def at_place(run: Run, folder: Path, *words: object, **env: str) -> Any:
    return run(*map(str, words), GATEWAY_DATABASE_URL=url_of(folder), **env)


def test_a_restored_ledger_serves_with_its_keys_purchases_and_unknown_ones(
    provider: Provider, at: Run, tmp_path: Path
) -> None:
    async def rent(folder: Path, key: str) -> tuple[int, Any]:
        given = {"gateway_database_url": url_of(folder), "getatext_api_key": DEMO_KEY}
        async with run_gateway(provider.url, **given) as running:
            asked = {"service_code": "whatsapp", "request_id": "order-1"}
            answer = await running.client.post("/v1/rentals", asked, key=key)
            return answer.status, answer.json

    def run(folder: Path, *words: object) -> Any:
        return at_place(at, folder, *words)

    here, there, file = tmp_path / "here", tmp_path / "there", tmp_path / "backup.tar.gz"
    key = run(here, "keys", "create", "--name", "shop", "--budget-total", "5").stdout.strip()
    bought = asyncio.run(rent(here, key))
    provider.simulator.script(Fault("rent-a-number", FaultKind.DROP_AFTER))
    assert asyncio.run(rent(here, DEMO_KEY))[1]["code"] == "outcome_unknown"
    backed_up = run(here, "backup", file)
    restored = run(there, "restore", file)

    assert (backed_up.exit_code, restored.exit_code) == (0, 0), restored.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "unknown to it" in restored.stdout
    assert "ledger list --unknown" in restored.stdout
    for listed in (["keys", "list"], ["ledger", "list"], ["ledger", "list", "--unknown"]):
        shown = [run(folder, *listed, "--json").stdout for folder in (here, there)]
        assert json.loads(shown[0])["data"]
        assert shown[0] == shown[1]
    assert asyncio.run(rent(there, key)) == bought
    assert (there / "gateway.secret").read_bytes() == (here / "gateway.secret").read_bytes()


def test_what_was_written_before_a_backup_began_is_in_it(tmp_path: Path) -> None:
    busy, there = tmp_path / "busy", tmp_path / "there"
    given = open_once(busy)
    with another(url_of(busy), "spend_on") as process:
        process.go()
        told = {process.line() for _ in range(100)}
        back_up(given, tmp_path / "backup")
        told_after = {process.line() for _ in range(100)}  # nobody was kept from writing
        process.kill()
    restore(open_elsewhere(there), tmp_path / "backup", replace=False)
    with closing(sqlite3.connect(there / "gateway.db")) as connection:
        written = {ledger_id for (ledger_id,) in connection.execute("SELECT ledger_id FROM spends")}

    assert told <= written
    assert told_after


def open_elsewhere(folder: Path, **more: Any) -> Settings:
    """Settings of a ledger that is not there yet."""
    return settings("http://127.0.0.1:9", gateway_database_url=url_of(folder), **more)


def test_the_old_ledger_is_kept_and_can_be_opened(new: Path, place: Path, run: Run) -> None:
    refused = at_place(run, place, "restore", new / "backup")
    assert marked(place) == ["old"]
    replaced = [at_place(run, place, "restore", new / "backup", "--replace") for _ in range(2)]
    kept = sorted(place.glob("*.replaced-*"), key=lambda folder: folder.stat().st_ctime_ns)

    assert refused.exit_code == 1
    assert "--replace" in refused.stderr
    assert [done.exit_code for done in replaced] == [0, 0]
    assert marked(place) == ["new"]
    assert [marked(folder) for folder in kept] == [["old"], ["new"]]
    assert str(kept[0]) in replaced[0].stdout
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.glob("*.d*")} <= {0o600, 0o700}


def test_a_restore_that_dies_leaves_the_old_ledger_or_the_new_one(
    new: Path, old: Path, tmp_path: Path
) -> None:
    found: list[str] = []
    for step in range(200):
        folder = tmp_path / str(step)
        folder.mkdir()
        for name in ("gateway.db", "gateway.secret"):
            shutil.copy(old / name, folder / name)
        given = open_elsewhere(folder)
        if not killed_at(step, REPLACE, given, new / "backup"):
            break
        found += marked(folder)
        restore(given, new / "backup", replace=True)
        assert marked(folder) == ["new"]

    assert marked(folder) == ["new"]
    assert found == sorted(found, reverse=True)
    assert found.count("old") > 5
    assert found.count("new") >= 3  # its secret is not in its place before all of them


def test_an_unfinished_write_of_the_old_ledger_does_not_get_into_the_new_one(
    new: Path, place: Path, tmp_path: Path, run: Run
) -> None:
    with closing(sqlite3.connect(place / "gateway.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")  # so that pages are written before the commit
        connection.execute("BEGIN IMMEDIATE")
        for number in range(500):
            connection.execute(
                f"{INSERT_KEY} (?, ?, ?, ?, 0)",
                [f"{number}", f"torn {number}", f"{number}", "x" * 500],
            )
        for name in ("gateway.db", "gateway.db-journal", "gateway.secret"):
            (tmp_path / "torn").mkdir(exist_ok=True)
            shutil.copy(place / name, tmp_path / "torn" / name)
        connection.execute("ROLLBACK")
    torn = tmp_path / "torn"
    assert (torn / "gateway.db-journal").stat().st_size > 1000
    done = at_place(run, torn, "restore", new / "backup", "--replace")

    assert done.exit_code == 0, done.output
    assert marked(torn) == ["new"]
    assert [marked(folder) for folder in torn.glob("*.replaced-*")] == [["old"]]


def test_a_link_to_a_ledger_is_not_taken_for_it(new: Path, place: Path, run: Run) -> None:
    (place / "gateway.db").rename(place / "real.db")
    (place / "gateway.db").symlink_to("real.db")
    refused = at_place(run, place, "restore", new / "backup", "--replace")

    assert refused.exit_code == 1
    assert f"is a link to {place / 'real.db'}. " in refused.stderr
    assert marked(place) == ["old"]


@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_what_another_file_has_left_beside_the_place_does_not_get_into_the_new_one(
    end: str, new: Path, place: Path, tmp_path: Path, run: Run
) -> None:
    # As where somebody has moved the ledger away, and not what belongs to it.
    mode = {"-wal": "WAL", "-journal": "TRUNCATE"}[end]
    with closing(sqlite3.connect(place / "gateway.db", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE keys SET name = ?", ["x" * 50_000])
        if end == "-wal":
            connection.execute("COMMIT")
        left = tmp_path / "left"
        left.mkdir()
        shutil.copy(place / f"gateway.db{end}", left)
    kept = (left / f"gateway.db{end}").read_bytes()
    assert len(kept) > 1000
    done = at_place(run, left, "restore", new / "backup")

    assert done.exit_code == 0, done.output
    assert marked(left) == ["new"]
    assert [path.read_bytes() for path in left.glob("*.replaced-*/*")] == [kept]


async def test_nothing_is_restored_where_a_gateway_runs(new: Path, place: Path, run: Run) -> None:
    async with open_gateway(open_elsewhere(place), follow=False):
        refused = at_place(run, place, "restore", new / "backup", "--replace")
        backed_up = at_place(run, place, "backup", place / "backup")

    assert refused.exit_code == 1
    assert "in use: stop the gateways" in refused.stderr
    assert backed_up.exit_code == 0


def test_the_backup_has_the_secret_in_use(tmp_path: Path, run: Run) -> None:
    secret, other = "s" * 40, "o" * 40
    here, there, file = tmp_path / "here", tmp_path / "there", tmp_path / "backup"
    open_once(here, gateway_secret=secret)
    lost = at_place(run, here, "backup", file)
    wrong = at_place(run, here, "backup", file, GATEWAY_SECRET=other)
    made = at_place(run, here, "backup", file, GATEWAY_SECRET=secret)
    refused = at_place(run, there, "restore", file, GATEWAY_SECRET=other)
    assert not (there / "gateway.db").exists()
    same = at_place(run, there, "restore", file, GATEWAY_SECRET=secret)
    beside = at_place(run, there, "restore", file, "--replace")

    assert (lost.exit_code, wrong.exit_code, made.exit_code) == (2, 1, 0)
    assert "gateway.secret is missing" in lost.stderr
    assert (refused.exit_code, same.exit_code, beside.exit_code) == (1, 0, 0)
    assert "GATEWAY_SECRET is not the secret in" in refused.stderr
    assert (there / "gateway.secret").read_text() == secret
    assert secret not in "".join(done.output for done in (lost, wrong, made, refused, same))


def test_another_ledgers_secret_in_the_folder_is_not_replaced_unasked(
    new: Path, place: Path, run: Run
) -> None:
    (place / "gateway.db").rename(place / "other.db")
    refused = at_place(run, place, "restore", new / "backup")

    assert refused.exit_code == 1
    assert "another secret" in refused.stderr
    assert not (place / "gateway.db").exists()


def archive(headers: dict[str, str] | None = None, /, **files: bytes) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("_", "."))
            member.size, member.pax_headers = len(content), headers or {}
            tar.addfile(member, BytesIO(content))
    return out.getvalue()


def link(kind: bytes, to: str) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        member = tarfile.TarInfo("gateway.db")
        member.type, member.linkname = kind, to
        tar.addfile(member)
    return out.getvalue()


def changed(whole: bytes, sql: str, tmp_path: Path) -> bytes:
    """The backup with something changed in its database."""
    with tarfile.open(fileobj=BytesIO(whole)) as tar:
        database, secret = (tar.extractfile(name) for name in ("gateway.db", "gateway.secret"))
        assert database
        assert secret
        path = tmp_path / "changed.db"
        path.write_bytes(database.read())
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(sql)
        return archive(gateway_db=path.read_bytes(), gateway_secret=secret.read())


def test_what_is_no_whole_backup_changes_nothing(
    new: Path, place: Path, run: Run, tmp_path: Path
) -> None:
    whole = (new / "backup").read_bytes()
    unzipped = gzip.decompress(whole)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    ledger, secret = (new / "gateway.db").read_bytes(), (new / "gateway.secret").read_bytes()
    damaged = bytearray(ledger)
    damaged[4096 * 3 : 4096 * 5] = b"\x55" * 8192
    bad = {
        "empty": b"",
        "text": b"hello",
        "a ledger": ledger,
        "half": whole[: len(whole) // 2],
        "cut in its checksum": whole[:-4],
        "not zipped": unzipped,
        "flipped": bytes(flipped),
        "others": archive(etc_passwd=b"x"),
        "a link to elsewhere": link(tarfile.SYMTYPE, "/etc/passwd"),
        "a second name": link(tarfile.LNKTYPE, "/etc/passwd"),
        "a link to itself": link(tarfile.SYMTYPE, "gateway.db"),
        "of no time": archive({"mtime": "nan"}, gateway_db=ledger, gateway_secret=secret),
        "of the end of time": archive({"mtime": "inf"}, gateway_db=ledger, gateway_secret=secret),
        "of odd parts": archive({"GNU.sparse.map": "x"}, gateway_db=ledger, gateway_secret=secret),
        "no secret": archive(gateway_db=ledger),
        "no database": archive(gateway_db=b"hello" * 1000, gateway_secret=secret),
        "empty database": archive(gateway_db=b"", gateway_secret=secret),
        "damaged": archive(gateway_db=bytes(damaged), gateway_secret=secret),
        "another's secret": archive(gateway_db=ledger, gateway_secret=b"x" * 64),
        "newer": changed(whole, "UPDATE gateway_schema SET version_num = '9999'", tmp_path),
        "of another program": changed(whole, "DROP TABLE gateway_schema", tmp_path),
    }
    for name, content in bad.items():
        file = tmp_path / "bad"
        file.write_bytes(content)
        done = at_place(run, place, "restore", file, "--replace")

        assert done.exit_code in {1, 2}, name
        assert done.stderr.startswith("Error: "), name
        assert "Traceback" not in done.output, name
        assert sorted(path.name for path in place.iterdir() if path.is_file()) == [
            "gateway.db", "gateway.db.lock", "gateway.secret",
        ], name  # fmt: skip
    assert at_place(run, place, "restore", tmp_path / "none").exit_code == 1
    assert marked(place) == ["old"]


def test_a_backup_is_no_ledger(new: Path, run: Run) -> None:
    done = run("keys", "list", GATEWAY_DATABASE_URL=f"sqlite:///{new / 'backup'}")

    assert done.exit_code == 2
    assert "not a database" in done.stderr


def test_no_backup_is_begun_where_it_cannot_end(place: Path, tmp_path: Path, run: Run) -> None:
    there = tmp_path / "there"
    there.write_text(BEFORE)
    told = {
        "exists": at_place(run, place, "backup", there),
        "No such file or directory": at_place(run, place, "backup", tmp_path / "none" / "backup"),
        "Not a directory": at_place(run, place, "backup", there / "backup"),
        "no ledger to back up": at_place(run, tmp_path / "nowhere", "backup", tmp_path / "new"),
        "use pg_dump": run(
            "backup", str(tmp_path / "new"), GATEWAY_DATABASE_URL="postgresql://joe:x1y2@db/x"
        ),
    }

    for words, done in told.items():
        assert done.exit_code == 1
        assert words in done.stderr
        assert "x1y2" not in done.output
    assert there.read_text() == BEFORE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["place", "there"]


@pytest.mark.parametrize("size", [0, 1000, 100_000])
def test_a_full_disk_leaves_no_file(size: int, new: Path, tmp_path: Path) -> None:
    given, folder = open_elsewhere(new), tmp_path / "full"
    folder.mkdir()

    assert with_room(size, back_up, given, folder / "backup") == 1
    assert with_room(size, REPLACE, open_elsewhere(folder), new / "backup") == 1
    assert {path.name for path in folder.iterdir()} <= {"gateway.db.lock"}


def test_a_backup_that_dies_leaves_no_file_of_that_name_or_a_whole_one(
    new: Path, tmp_path: Path
) -> None:
    given, step = open_elsewhere(new), 0
    while killed_at(step, back_up, given, tmp_path / f"{step}"):
        if (tmp_path / f"{step}").exists():
            restore(open_elsewhere(tmp_path / f"from-{step}"), tmp_path / f"{step}", replace=False)
        step += 1

    assert step > 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob(".*")} == {0o600}
