"""A database that cannot be used, in every command: one line, exit code 2, and no password."""

import os
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.support.postgres import Postgres

SECRET = "a secret for these tests of more than 32 characters"
COMMANDS = [
    ["serve", "--port", "0"],
    ["balance"],
    ["wait", "1"],
    ["keys", "list"],
    ["ledger", "list"],
    ["purge"],
    ["provider-webhook"],
]
UNUSABLE = [  # url, what is told; HERE is a folder
    ("mysql://u:s3cret@h/x", "must begin with sqlite:/// or postgresql://"),
    ("postgres://u:s3cret@h:no/x", "a port is a number"),
    ("postgres://u:s3cret@127.0.0.1:1/x", "PostgreSQL cannot be reached: connection refused."),
    ("postgresql://u:s3cret@no-such-host.invalid/x", "its host is unknown"),
    ("postgresql://u:s3cret@127.0.0.1:1/x?sslmode=verify-full", "root certificate file"),
    ("sqlite:///HERE", "cannot be opened: Is a directory (HERE)."),
    ("sqlite:////proc/no/such.db", "cannot be opened: No such file or directory (/proc/no)."),
]


def line_of(run: Run, words: list[str], url: str, **more: str) -> str:
    """What the command says, which is an error in one line."""
    keys = {"GETATEXT_API_KEY": "sk_x", "GETATEXT_BASE_URL": "http://127.0.0.1:9"}
    env = {"GATEWAY_SECRET": SECRET, "GATEWAY_LOG_LEVEL": "error", **keys, **more}
    done = run(*words, GATEWAY_DATABASE_URL=url, **env)
    (line,) = done.stderr.splitlines()

    assert (done.exit_code, done.stdout) == (2, "")
    assert line.startswith("Error: ")
    assert "s3cret" not in line
    return line


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_what_is_wrong_with_the_url(words: list[str], run: Run) -> None:
    assert "must begin with sqlite:///" in line_of(run, words, "mysql://u:s3cret@127.0.0.1/x")


def test_mcp_says_it_too() -> None:
    env = {"GETATEXT_API_KEY": "sk_x", "GETATEXT_BASE_URL": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "mcp"],
        check=False,
        env=os.environ | env | {"GATEWAY_DATABASE_URL": "mysql://u:s3cret@127.0.0.1/x"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    log, line = done.stderr.splitlines()

    assert (done.returncode, done.stdout) == (2, "")
    assert line == "Error: GATEWAY_DATABASE_URL must begin with sqlite:/// or postgresql://."
    assert "the gateway cannot be opened: GATEWAY_DATABASE_URL" in log
    assert "s3cret" not in log


@pytest.mark.parametrize(("url", "told"), UNUSABLE, ids=[url for url, _ in UNUSABLE])
def test_what_keeps_a_database_from_being_used_is_said(
    url: str, told: str, run: Run, tmp_path: Path
) -> None:
    line = line_of(run, ["keys", "list"], url.replace("HERE", str(tmp_path)))

    assert told.replace("HERE", str(tmp_path)) in line
    assert "GATEWAY_DATA_DIR" not in line


_FIELDS = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "u"\0\0'
REFUSAL = b"E" + (len(_FIELDS) + 4).to_bytes(4) + _FIELDS
REFUSED = [  # what is put where into the URL, what PostgreSQL says
    ("DATABASE?", "nowhere?", 'PostgreSQL refuses: database "nowhere" does not exist'),
    ("postgres:@", "nobody:s3cret@", 'PostgreSQL refuses: role "nobody" does not exist'),
    (
        "DATABASE?",
        "postgres?unheard_of=1&",
        "PostgreSQL refuses: unrecognized configuration parameter",
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), REFUSED)
def test_what_postgres_refuses_is_said(
    old: str, new: str, told: str, postgres: Postgres, run: Run
) -> None:
    url = postgres.url("DATABASE").replace(old, new)

    assert told in line_of(run, ["keys", "list"], url)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://u@127.0.0.1:1/x", 1),
        ("postgresql://u@no-such-host.invalid/x", 1),
        ("postgresql://u@127.0.0.1:no/x", 2),
        ("sqlite:////proc/no/such.db", 2),
    ],
)
def test_serve_ends_with_another_code_where_the_database_may_come_back(
    url: str, code: int, run: Run
) -> None:
    done = run("serve", "--port", "0", GATEWAY_DATABASE_URL=url, GATEWAY_SECRET=SECRET)

    assert done.exit_code == code
    assert len(done.stderr.splitlines()) == 1


class WrongPassword(socketserver.BaseRequestHandler):
    """A server of PostgreSQL's protocol that asks for a password, and takes none."""

    def handle(self) -> None:
        for answer in (b"N", b"R\0\0\0\x08\0\0\0\x03", REFUSAL):  # no TLS; a password, please
            self.request.recv(1000)
            self.request.sendall(answer)


def test_a_wrong_password_is_said_and_not_shown(run: Run) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), WrongPassword) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"postgresql://u:s3cret@127.0.0.1:{server.server_address[1]}/x"
        line = line_of(run, ["keys", "list"], url)
        server.shutdown()
        thread.join()

    assert 'PostgreSQL refuses: password authentication failed for user "u"' in line


def test_a_user_who_may_make_no_tables_is_told_so(postgres: Postgres, run: Run) -> None:
    postgres.sql("CREATE ROLE poor LOGIN")
    with postgres.database("template1") as url:
        line = line_of(run, ["keys", "list"], url.replace("postgres:@", "poor:s3cret@"))
    postgres.sql("DROP ROLE poor")

    assert "PostgreSQL refuses to have its tables made: permission denied for schema" in line


def test_the_data_dir_holds_the_database_and_the_secret(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "of operators" / "data"
    done = run("keys", "list", GATEWAY_DATA_DIR=str(folder), HOME="", XDG_DATA_HOME="")

    assert done.exit_code == 0
    assert {
        (folder / name).stat().st_mode & 0o777 for name in ("gateway.db", "gateway.secret")
    } == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_data_dir_that_cannot_be_used_is_named(words: list[str], run: Run) -> None:
    line = line_of(run, words, "", GATEWAY_DATA_DIR="/proc/data")

    assert "The database /proc/data/gateway.db cannot be opened: " in line
    assert "GATEWAY_DATA_DIR" in line


def test_where_there_is_no_home_the_data_dir_is_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    line = line_of(run, ["keys", "list"], "", XDG_DATA_HOME="")

    assert "set GATEWAY_DATA_DIR to a folder" in line


def test_a_secret_that_cannot_be_read_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.secret").mkdir()
    line = line_of(run, ["serve", "--port", "0"], f"sqlite:///{tmp_path}/x.db", GATEWAY_SECRET="")

    assert f"The secret cannot be kept in {tmp_path}/gateway.secret: Is a directory." in line
