"""`doctor` against each broken thing: the right line, the right exit code, and nothing changed."""

import asyncio
import json
import re
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator import DEMO_KEY, Fault, FaultKind
from adapters.store.migrating import HEAD
from adapters.store.secret import RESTORED_FILE
from gateway.http.serving.server import serve
from gateway.settings import Settings
from gateway.wiring import examine, open_gateway
from gateway.wiring.doctor import findings
from tests.adapters.store.test_pooling import Pooler
from tests.cli.conftest import Provider, Run
from tests.support.ending import without_rights
from tests.support.gateway import listening, settings
from tests.support.postgres import Postgres
from tests.support.proxy import Proxy, Step
from tests.support.scripted import Act, Scripted, reply
from tests.support.stores import postgres
from tests.support.tls import Authority

__all__ = ["postgres"]
ALL = ["settings", "dns", "tcp", "tls", "key", "clock", "zone", "database", "secret", "data",
       "webhook", "port"]  # fmt: skip
SECRET = "kq7Plain-0wn-and-long-enough-to-be-used"
BALANCE = {"balance": "10.55"}


@dataclass(frozen=True, slots=True)
class Told:
    """What `doctor` said."""

    code: int
    checks: list[dict[str, Any]]

    def states(self, *but: str) -> dict[str, str]:
        """The checks that are not ok or skipped."""
        fine = {"ok", "skipped", *but}
        return {one["check"]: one["state"] for one in self.checks if one["state"] not in fine}

    def of(self, check: str) -> str:
        found = next(one for one in self.checks if one["check"] == check)
        return f"{found['state']}: {found['found']} {found['advice'] or ''}".strip()


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """The file of a ledger in a folder of its own."""
    path = tmp_path / "data" / "gateway.db"
    asyncio.run(open_once(settings("http://127.0.0.1:9", gateway_database_url=f"sqlite:///{path}")))
    return path


async def open_once(given: Settings) -> None:
    async with open_gateway(given, follow=False):
        pass


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No check is late on a busy machine."""
    monkeypatch.setattr(findings, "SECONDS", 60)


@pytest.fixture
def doctor(at: Run, tmp_path: Path) -> Callable[..., Told]:
    """Runs `doctor` before the simulator, with a new ledger and any free port."""

    def told(**env: str) -> Told:
        usual = {
            "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path / 'new' / 'gateway.db'}",
            "GATEWAY_PORT": "0",
        }
        done = at("doctor", "--json", **(usual | env))
        assert SECRET not in done.output
        assert "Traceback" not in done.output
        return Told(done.exit_code, json.loads(done.stdout)["checks"])

    return told


Doctor = Callable[..., Told]


def test_with_everything_in_order_each_thing_has_its_line(
    doctor: Doctor, at: Run, ledger: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in ledger.parent.rglob("*")}
    told = doctor(GATEWAY_DATABASE_URL=f"sqlite:///{ledger}")
    lines = at("doctor", GATEWAY_DATABASE_URL=f"sqlite:///{ledger}", GATEWAY_PORT="0").stdout

    assert told.code == 0
    assert [one["check"] for one in told.checks] == ALL
    assert told.states() == {}
    assert told.of("key") == "ok: Accepted; the balance is $100.00."
    assert told.of("tls") == "skipped: http to this machine itself."
    assert "schema 00" in told.of("database")
    assert told.of("secret") == f"ok: {ledger.with_name('gateway.secret')} is that of the database."
    assert {path: path.stat().st_mtime_ns for path in ledger.parent.rglob("*")} == before
    assert [line.split()[:2] for line in lines.splitlines()] == [
        [one["state"], one["check"]] for one in told.checks
    ]


def test_before_the_first_start_nothing_is_made(doctor: Doctor, tmp_path: Path) -> None:
    told = doctor()

    assert told.code == 0
    assert told.states() == {}
    assert "the first start fills it" in told.of("database")
    assert "The first start makes it" in told.of("secret")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("env", "check", "said"),
    [
        ({"GETATEXT_BASE_URL": "https://nowhere.invalid"}, "dns", "nowhere.invalid has no address"),
        ({"GETATEXT_BASE_URL": "http://127.0.0.1:1"}, "tcp", "127.0.0.1:1 refuses connections"),
        ({"GETATEXT_BASE_URL": "https://127.0.0.1:1"}, "tcp", "127.0.0.1:1 refuses connections"),
        ({"GETATEXT_PROXY": "http://nowhere.invalid:1"}, "dns", "Check GETATEXT_PROXY"),
        ({"GETATEXT_PROXY": f"http://u:{SECRET}@127.0.0.1:1"}, "tcp", "Check GETATEXT_PROXY"),
        ({"GETATEXT_API_KEY": SECRET}, "key", "The provider does not accept the key"),
    ],
)
def test_what_is_in_the_way_to_the_provider_is_named(
    doctor: Doctor, env: dict[str, str], check: str, said: str
) -> None:
    told = doctor(**env)

    assert told.code == 1
    assert told.states() == {check: "failed"}
    assert said in told.of(check)
    assert [one["check"] for one in told.checks] == ALL
    if check in {"dns", "tcp"}:
        assert told.of("key") == f"skipped: It needs {check}."


def test_without_a_key_the_rest_is_looked_at(doctor: Doctor) -> None:
    told = doctor(GETATEXT_API_KEY="")

    assert told.code == 0
    assert told.states() == {"key": "warning"}
    assert told.of("clock").startswith("ok")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("balance", FaultKind.STATUS, status=500, body='{"errors": "Oops"}'),
         "failed: The provider answers 500: Oops."),
        (Fault("balance", FaultKind.HTML, status=502), "failed: The provider answers 502."),
        (Fault("balance", FaultKind.HTML, status=200), "failed: Something answers there that does"),
        (Fault("balance", FaultKind.DROP_BEFORE, times=None), "failed: 127.0.0.1 does not answer"),
        (Fault("balance", FaultKind.RATE_LIMITED), "warning: The provider has too many calls"),
        (Fault("balance", FaultKind.STATUS, status=302), "failed: The provider answers 302."),
        (Fault("balance", FaultKind.STATUS, status=500, body=f'{{"errors": "for {DEMO_KEY}"}}'),
         "failed: The provider answers 500: for [key]."),
    ],
)  # fmt: skip
def test_the_providers_own_faults_are_told(
    doctor: Doctor, provider: Provider, fault: Fault, said: str
) -> None:
    provider.simulator.script(fault)
    told = doctor()

    assert told.of("key").startswith(said)
    assert told.code == (0 if said.startswith("warning") else 1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "ca").mkdir()
    return Authority(tmp_path / "ca")


@asynccontextmanager
async def answering(**more: Any) -> AsyncIterator[Scripted]:
    async with Scripted(always=reply(200, BALANCE), **more).running() as provider:
        yield provider


async def test_each_fault_of_a_certificate_is_told_apart(
    doctor: Doctor, authority: Authority
) -> None:
    ours = {"GETATEXT_CA_FILE": str(authority.file)}
    expired = authority.serving(valid=timedelta(days=-1))
    for context, env, said in (
        (authority.serving(), ours, "ok: localhost is who it says (TLSv1.3)."),
        (authority.serving(), {}, "failed: The certificate of localhost is not trusted"),
        (authority.serving("other.example"), ours, "failed: The certificate of localhost is for"),
        (expired, ours, "failed: The certificate of localhost has expired."),
    ):
        async with answering(tls=context) as provider:
            told = await asyncio.to_thread(doctor, GETATEXT_BASE_URL=provider.url, **env)

        assert told.of("tls").startswith(said)
        assert told.code == (0 if said.startswith("ok") else 1)
        assert told.of("key").startswith("ok: Accepted" if told.code == 0 else "skipped: It needs")
        assert bool(provider.asked) is (told.code == 0)


NO_LOGIN = b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n"


async def test_each_step_through_a_proxy_is_told_apart(
    doctor: Doctor, authority: Authority
) -> None:
    context = authority.serving()
    for proxy, check, said in (
        (Proxy(), "key", "ok: Accepted; the balance is $10.55."),
        (Proxy(Step.REFUSE), "proxy", "failed: The proxy answers 502 to CONNECT localhost."),
        (Proxy(Step.REFUSE, NO_LOGIN), "proxy", "failed: The proxy answers 407 to CONNECT"),
        (Proxy(Step.CUT), "proxy", "failed: The proxy does not answer as one that speaks HTTP."),
        (Proxy(Step.OPEN_AND_CUT), "tls", "failed: localhost:"),
        (Proxy(Step.BABBLE), "tls", "failed: localhost:"),
    ):
        async with answering(tls=context) as provider, proxy.running():
            env = {
                "GETATEXT_BASE_URL": provider.url,
                "GETATEXT_CA_FILE": str(authority.file),
                "GETATEXT_PROXY": proxy.url.replace("//", f"//joe:{SECRET}@"),
            }
            told = await asyncio.to_thread(doctor, **env)

        assert told.of(check).startswith(said)
        assert told.states() == ({} if said.startswith("ok") else {check: "failed"})
        assert all("proxy-authorization" in one.headers for one in proxy.asked)


def test_a_port_without_tls_is_told(doctor: Doctor, provider: Provider) -> None:
    told = doctor(GETATEXT_BASE_URL=provider.url.replace("http:", "https:"))

    assert told.states() == {"tls": "failed"}
    assert "does not speak TLS" in told.of("tls")


async def test_a_provider_that_does_not_answer_is_given_up(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "SECONDS", 1)
    async with Scripted(always=Act.HANG).running() as provider:
        told = await asyncio.to_thread(doctor, GETATEXT_BASE_URL=provider.url)
    late = [one for one in told.checks if "no answer within 1 s" in one["found"]]

    assert told.code == 1
    assert [one["state"] for one in late][:1] == ["failed"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "ok: Within 5 s"),
        (-40, "warning: The clock of this machine is 40 s ahead of the provider's."),
        (40, "warning: The clock of this machine is 40 s behind the provider's."),
        (7200, "failed: The clock of this machine is 7200 s behind"),
        (None, "skipped: The provider does not tell its time."),
    ],
)
async def test_a_clock_that_is_wrong_is_told(
    doctor: Doctor, seconds: int | None, said: str
) -> None:
    def answer(_: object) -> bytes:
        now = datetime.now(UTC)
        off = timedelta(seconds=seconds or 0)
        told = {} if seconds is None else {"Date": format_datetime(now + off, usegmt=True)}
        return reply(200, BALANCE, **told)

    async with Scripted(always=answer).running() as provider:
        told = await asyncio.to_thread(doctor, GETATEXT_BASE_URL=provider.url)

    # A busy machine may be a second late.
    assert re.sub(r"\d+ s", "N s", told.of("clock")).startswith(re.sub(r"\d+ s", "N s", said))
    assert told.code == (1 if said.startswith("failed") else 0)


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def spoil_with_text(path: Path) -> None:
    path.write_text("no database" * 1000)


def spoil_with_another(path: Path) -> None:
    path.write_bytes(b"")
    change(path, "CREATE TABLE other (a)")


BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "text": (spoil_with_text, "database", "not a database. Check GATEWAY_DATABASE_URL."),
    "another program's": (spoil_with_another, "database", "is a database of something else"),
    "newer": (
        lambda path: change(path, "UPDATE gateway_schema SET version_num = '9999'"),
        "database",
        "failed: The database was made by a newer getatext-gateway",
    ),
    "older": (
        lambda path: change(path, "UPDATE gateway_schema SET version_num = '0005'"),
        "database",
        "has the schema 0005, and this version",
    ),
    "no secret": (
        lambda path: path.with_name("gateway.secret").unlink(),
        "secret",
        "gateway.secret is missing",
    ),
    "wrong secret": (
        lambda path: path.with_name("gateway.secret").write_text(SECRET),
        "secret",
        "is not the secret that the database was made with",
    ),
    "unfinished restore": (
        lambda path: path.with_name("gateway.secret").rename(f"{path.parent}/{RESTORED_FILE}"),
        "secret",
        "warning: A restore ended before it had put the secret in its place. The next start",
    ),
    "open secret": (
        lambda path: path.with_name("gateway.secret").chmod(0o644), "secret", "warning: Others can"
    ),
    "open ledger": (lambda path: path.chmod(0o640), "data", "warning: Others can read"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_ledger_is_told(doctor: Doctor, ledger: Path, name: str) -> None:
    spoil, check, said = BROKEN[name]
    spoil(ledger)
    before = ledger.read_bytes()
    told = doctor(GATEWAY_DATABASE_URL=f"sqlite:///{ledger}")

    assert said in told.of(check)
    assert list(told.states()) == [check]
    assert told.code == (1 if "failed" in told.states().values() else 0)
    assert ledger.read_bytes() == before


def test_a_ledger_that_another_holds_is_told(doctor: Doctor, ledger: Path) -> None:
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        told = doctor(GATEWAY_DATABASE_URL=f"sqlite:///{ledger}")

    assert told.states() == {"database": "failed"}


def test_an_unfinished_write_is_told_and_left(doctor: Doctor, ledger: Path, tmp_path: Path) -> None:
    copy = tmp_path / "torn" / "gateway.db"
    copy.parent.mkdir()
    with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        for number in range(500):
            row = [f"{number}", "x" * 500]
            connection.execute("INSERT INTO checks (name, value) VALUES (?, ?)", row)
        for name in ("gateway.db", "gateway.db-journal", "gateway.secret"):
            copy.with_name(name).write_bytes(ledger.with_name(name).read_bytes())
            copy.with_name(name).chmod(0o600)
        connection.execute("ROLLBACK")
    journal = copy.with_name("gateway.db-journal").read_bytes()
    told = doctor(GATEWAY_DATABASE_URL=f"sqlite:///{copy}")

    assert told.states() == {"database": "warning"}
    assert "The next start undoes that write" in told.of("database")
    assert copy.with_name("gateway.db-journal").read_bytes() == journal
    assert journal[:1] != b"\0"


def test_a_file_in_the_place_of_the_folder_is_told(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = doctor(GATEWAY_DATABASE_URL=f"sqlite:///{tmp_path / 'file' / 'gateway.db'}")

    assert told.code == 1
    assert told.states() == {"data": "failed"}
    assert "is no folder" in told.of("data")


def write_findings(given: Settings, file: Path) -> None:
    found = asyncio.run(examine(given))
    file.write_text(json.dumps([[one.check, one.state, one.found] for one in found]))


def test_what_may_not_be_written_is_told(ledger: Path, tmp_path: Path) -> None:
    given = settings(
        "http://127.0.0.1:1", gateway_database_url=f"sqlite:///{ledger}", gateway_port=0
    )
    ledger.chmod(0o400)
    ledger.parent.chmod(0o500)
    assert without_rights(write_findings, given, tmp_path / "found") == 0
    found = {
        check: (state, text) for check, state, text in json.loads((tmp_path / "found").read_text())
    }
    ledger.parent.chmod(0o700)

    assert found["database"][0] == "failed"
    assert "cannot be written: Permission denied" in found["database"][1]
    assert found["data"] == ("failed", f"{ledger.parent} cannot be written.")
    assert found["secret"][0] == "ok"


def postgres_env(url: str, secret: str = SECRET) -> dict[str, str]:
    return {"GATEWAY_DATABASE_URL": url, "GATEWAY_SECRET": secret}


@pytest.fixture
def made(postgres: Postgres) -> Iterator[str]:
    """The URL of a ledger in PostgreSQL that was made with SECRET."""
    with postgres.database() as url:
        given = settings("http://127.0.0.1:9", gateway_database_url=url, gateway_secret=SECRET)
        asyncio.run(open_once(given))
        yield url


def test_a_postgresql_is_looked_at_and_left(doctor: Doctor, postgres: Postgres, made: str) -> None:
    dumped = postgres.dump(made)
    good = doctor(**postgres_env(made))
    other = doctor(**postgres_env(made, "o" * 40))
    without = doctor(GATEWAY_DATABASE_URL=made)

    assert (good.code, good.states()) == (0, {})
    assert good.of("secret") == "ok: GATEWAY_SECRET is that of the database."
    assert good.of("data") == "skipped: The ledger is in no file here."
    assert other.states() == {"secret": "failed"}
    assert "GATEWAY_SECRET is not the secret" in other.of("secret")
    assert "Set GATEWAY_SECRET" in without.of("secret")
    assert postgres.dump(made) == dumped


def test_a_postgresql_of_another_version_or_read_only_is_told(
    doctor: Doctor, postgres: Postgres, made: str
) -> None:
    version = "UPDATE gateway_schema SET version_num ="
    postgres.sql(f"{version} '9999'", made)
    newer = doctor(**postgres_env(made))
    postgres.sql(f"{version} '0011'", made)
    older = doctor(**postgres_env(made))
    postgres.sql(f"{version} '{HEAD}'", made)
    name = postgres.sql("SELECT current_database()", made).strip()
    postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    read_only = doctor(**postgres_env(made))

    assert newer.states() == {"database": "failed"}
    assert "newer getatext-gateway" in newer.of("database")
    assert older.states() == {"database": "warning"}
    assert read_only.states() == {"database": "failed"}
    assert "read-only transaction" in read_only.of("database")


async def test_a_pooler_that_shares_sessions_is_told(doctor: Doctor, made: str) -> None:
    async with Pooler(made, sessions=1).running() as url:
        told = await asyncio.to_thread(doctor, **postgres_env(url))

    assert told.states() == {"database": "failed"}
    assert "set pool_mode = session" in told.of("database")


def test_a_url_of_no_database_is_told(doctor: Doctor) -> None:
    told = doctor(GATEWAY_DATABASE_URL=f"mysql://joe:{SECRET}@db/x")

    assert told.code == 1
    assert told.states() == {"database": "failed"}
    assert "must begin with sqlite:/// or postgresql://" in told.of("database")


def test_a_new_postgresql_stays_empty(doctor: Doctor, postgres: Postgres) -> None:
    with postgres.database("template1") as url:
        told = doctor(**postgres_env(url))
        tables = postgres.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", url)

    assert (told.code, told.states()) == (0, {})
    assert "the first start fills it" in told.of("database")
    assert tables.strip() == "0"


async def test_a_postgresql_that_is_away_or_refuses_is_told(doctor: Doctor) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(1000)
        if asked[4:8] == b"\x04\xd2\x16\x2f":  # whether it speaks TLS
            writer.write(b"N")
            await reader.read(1000)
        said = b'SFATAL\0C28P01\0Mpassword authentication failed for user "joe"\0\0'
        writer.write(b"E" + (len(said) + 4).to_bytes(4, "big") + said)
        writer.close()

    away = await asyncio.to_thread(
        doctor, **postgres_env(f"postgresql://joe:{SECRET}@127.0.0.1:1/x")
    )
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql://joe:{SECRET}@127.0.0.1:{port}/x"
        wrong = await asyncio.to_thread(doctor, **postgres_env(url))

    for told in (away, wrong):
        assert told.code == 1
        assert told.states() == {"database": "failed"}
        assert told.of("secret") == "skipped: It needs database."
    assert "password authentication failed" in wrong.of("database")


async def test_a_port_is_free_or_a_gateways_or_anothers(doctor: Doctor) -> None:
    async with answering() as another:
        port = another.url.rpartition(":")[2]
        other = await asyncio.to_thread(doctor, GATEWAY_PORT=port)
    free = await asyncio.to_thread(doctor, GATEWAY_PORT=port)
    async with (
        answering() as provider,
        open_gateway(settings(provider.url), follow=False) as gateway,
        listening(gateway.app(with_mcp=False)) as url,
    ):
        ours = await asyncio.to_thread(doctor, GATEWAY_PORT=url.rpartition(":")[2])
    none = await asyncio.to_thread(doctor, GATEWAY_HOST="192.0.2.1", GATEWAY_PORT="1")

    assert (other.code, other.states()) == (1, {"port": "failed"})
    assert f"127.0.0.1:{port} is taken by another program" in other.of("port")
    assert (free.code, free.of("port")) == (0, f"ok: 127.0.0.1:{port} is free.")
    assert (ours.code, ours.states()) == (0, {})
    assert ours.of("port").endswith(": ready.")
    assert none.states() == {"port": "failed"}
    assert "cannot be listened on" in none.of("port")


async def test_a_unix_socket_is_free_or_a_gateways_or_anothers(
    doctor: Doctor, tmp_path: Path
) -> None:
    async def on(path: Path) -> Told:
        return await asyncio.to_thread(doctor, GATEWAY_HOST=f"unix:{path}")

    path = tmp_path / "gateway.sock"
    free, nowhere = await on(path), await on(tmp_path / "none" / "gateway.sock")
    async with await asyncio.start_unix_server(lambda _, writer: writer.close(), path):
        other = await on(path)
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as ended:
        ended.bind(str(path))
    left = await on(path)
    (tmp_path / "file").write_text("")
    file = await on(tmp_path / "file")
    async with answering() as provider, open_gateway(settings(provider.url)) as gateway:
        started = asyncio.Event()
        serving = asyncio.create_task(
            serve(
                gateway.app(with_mcp=False),
                host=f"unix:{path}",
                port=0,
                keepalive=20,
                drain_seconds=1,
                started=lambda _: started.set(),
            )
        )
        await started.wait()
        ours = await on(path)
        serving.cancel()
        await asyncio.wait([serving])

    assert free.of("port") == f"ok: {path} is free."
    assert left.of("port") == f"ok: {path} was left behind: the next start takes it."
    assert ours.of("port").endswith(": ready.")
    for told in (nowhere, other, file):
        assert told.states() == {"port": "failed"}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "skipped: GATEWAY_PUBLIC_URL is not set"),
        ("https://sms.example.com/getatext", "ok: It comes to https://sms.example.com/getatext,"),
        ("http://sms.example.com", "warning: The provider's webhook sends codes to http://sms"),
        ("https://10.1.2.3", "warning: The provider's webhook cannot reach https://10.1.2.3"),
        ("https://gateway", "warning: The provider's webhook cannot reach"),
        (
            f"https://u:{SECRET}@sms.example.com/x?k={SECRET}",
            "ok: It comes to https://sms.example.com/x,",
        ),
    ],
)
def test_what_is_known_of_the_webhook_is_told(doctor: Doctor, url: str, said: str) -> None:
    told = doctor(GATEWAY_PUBLIC_URL=url)

    assert told.code == 0
    assert told.of("webhook").startswith(said)


def test_bad_settings_are_told_each_and_end_with_2(doctor: Doctor, at: Run) -> None:
    told = doctor(GATEWAY_PORT=SECRET, GETATEXT_TIER="gold")
    file = doctor(GATEWAY_CONFIG="/no/such/file")
    mistaken = doctor(GETATEXT_API_KEY=f"gtw_{SECRET}")
    slip = doctor(GATEWAY_PROT="1")

    assert (told.code, file.code, mistaken.code) == (2, 2, 2)
    assert "GETATEXT_API_KEY holds a gateway's key" in mistaken.of("settings")
    assert [one["check"] for one in told.checks] == ["settings", "settings", "others"]
    assert "GETATEXT_TIER should be 'standard' or 'premium'." in told.checks[0]["found"]
    assert "GATEWAY_PORT should be" in told.checks[1]["found"]
    assert "GATEWAY_CONFIG names /no/such/file" in file.of("settings")
    assert slip.code == 0
    assert "did you mean GATEWAY_PORT?" in slip.of("settings")
    assert slip.states() == {"settings": "warning"}
