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


@pytest.mark.parametrize("prefix", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_servers(prefix: str) -> None:
    assert postgres_dsn(f"{prefix}://u:p@h:5/d?ssl=on") == "postgresql://u:p@h:5/d?ssl=on"


@pytest.mark.parametrize(
    "url",
    ["", "gateway.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:x.db",
     "mysql://u:s3cret@h/d", "postgresqlx://h"],
)  # fmt: skip
async def test_what_is_no_url_of_ours_is_said(url: str) -> None:
    with pytest.raises(BadUrl) as caught:
        async with open_store(url, new_id=new_id):
            pass

    assert "s3cret" not in str(caught.value)


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
