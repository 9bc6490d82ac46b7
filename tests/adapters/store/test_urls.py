from pathlib import Path

import pytest

from adapters.store import BadUrl, default_url, open_store
from adapters.store.urls import place_of, postgres_dsn, sqlite_path
from tests.support.ledger import new_id


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/gateway.db", Path("/var/lib/gateway.db")),
        ("sqlite:///data/gateway.db", Path.cwd() / "data/gateway.db"),
        ("sqlite:///~/gateway.db", Path.home() / "gateway.db"),
        ("sqlite:////a b/ü?c%d#e.db", Path("/a b/ü?c%d#e.db")),
        (default_url(Path("/data")), Path("/data/gateway.db")),
        ("postgresql://localhost/x", None),
    ],
)
def test_files(url: str, path: Path | None) -> None:
    assert sqlite_path(url) == path


@pytest.mark.parametrize("prefix", ["postgresql", "postgres", "postgresql+asyncpg", "POSTGRES"])
def test_servers(prefix: str) -> None:
    dsn = "postgresql://u:p%40@h:5,[::1]/d?sslmode=require&search_path=x"

    assert postgres_dsn(dsn.replace("postgresql", prefix, 1)) == dsn


SHAPE = "form postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
BAD = [  # url, what is told
    ("", "must begin with sqlite:/// or postgresql://"),
    ("gateway.db", "must begin with"),
    ("mysql://u:s3cret@h/d", "must begin with"),
    ("postgresqlx://u:s3cret@h", "must begin with"),
    ("sqlite://", "names no file"),
    ("sqlite:///", "names no file"),
    ("sqlite:///:memory:", "names no file"),
    ("sqlite:x.db", "names no file"),
    ("sqlite://x.db", "four slashes"),
    ("sqlite:///~nobody-of-that-name/x", "write the whole path"),
    ("sqlite:///a\0b", "control character"),
    ("postgresql://u:s3cret@h/d\n", "control character"),
    ("postgresql://u:s3 cret@h/d", SHAPE),
    ("postgresql://u:s3/cret@h:1/d", SHAPE),
    ("postgresql://u:1/s3cret@h/d", SHAPE),
    ("postgresql://u:s3@cret@h/d", SHAPE),
    ("postgresql://u:s3#cret@h/d", SHAPE),
    ("postgresql://u:[s3cret@h/d", SHAPE),
    ("postgresql://u:s3?cret@h/d", SHAPE),
    ("postgresql://u:1?s3cret@h/d", "written as %3F"),
    ("postgresql://u@h:s3cret/d", "a port is a number"),
    ("postgresql://u:s3cret@h:70000/d", "a port is a number"),
    ("postgresql://u:s3cret@h:5,h:0/d", "a port is a number"),
    ("postgresql:///d?host=h&port=70000", "a port is a number"),
    ("postgresql://u:s3cret@h/d?sslmode", "NAME=VALUE"),
    ("postgresql://u:s3cret@h/d?sslmode=no-verify", "sslmode is one of disable, allow, prefer, re"),
    ("postgresql://u:s3cret@h/d?ssl=true", "ssl is no parameter here; write sslmode=require"),
    (
        "postgresql://u:s3cret@h/d?channel_binding=require",
        "channel_binding is no parameter here; l",
    ),
    ("postgresql://u:s3cret@h/d?schema=x", "write search_path=NAME"),
    ("postgresql://u:s3cret@h/d?sslrootcert=/no/file", "sslrootcert is no file"),
    ("postgresql://u:s3cret@h/d?target_session_attrs=x", "target_session_attrs is one of any"),
]


@pytest.mark.parametrize(("url", "told"), BAD, ids=[repr(url) for url, _ in BAD])
async def test_what_is_no_url_of_ours_is_said_in_a_line(url: str, told: str) -> None:
    with pytest.raises(BadUrl) as caught:
        async with open_store(url, new_id=new_id):
            pass
    line = str(caught.value)

    assert line.startswith(("GATEWAY_DATABASE_URL ", "GATEWAY_DATABASE_URL: "))
    assert told in line
    assert "cret" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("sqlite:////data/gateway.db", "sqlite /data/gateway.db"),
        ("postgresql://u:p%40ss@db.example:6432/gw?password=x", "postgresql db.example:6432/gw"),
        ("postgres://db.example/gw", "postgresql db.example/gw"),
        ("postgresql:///gw?host=/run/postgresql&user=u", "postgresql /run/postgresql/gw"),
        ("postgresql://u:p@[::1]:5432/gw", "postgresql [::1]:5432/gw"),
    ],
)
def test_the_place_of_a_database_has_no_user_and_no_password(url: str, place: str) -> None:
    assert place_of(url) == place
