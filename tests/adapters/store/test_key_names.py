"""Equal names of living keys, as earlier versions let them be, are told apart by the migration."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.store import open_store
from tests.support.ledger import new_id
from tests.support.migrations import migrate
from tests.support.postgres import Postgres

KEYS = """
    INSERT INTO keys (id, name, hashed, limits, created_at, revoked_at) VALUES
    ('a', 'n8n', 'a', '{}', 1, NULL), ('b', ' n8n', 'b', '{}', 2, NULL),
    ('c', 'n8n', 'c', '{}', 3, 4), ('d', 'n8n', 'd', '{}', 5, NULL),
    ('e', 'n8n-2', 'e', '{}', 6, NULL), ('f', 'N8N', 'f', '{}', 7, NULL),
    ('g', 'clerk', 'g', '{"expires_at": 9}', 1, NULL), ('h', 'clerk', 'h', '{}', 2, NULL),
    ('i', 'gone', 'i', '{"expires_at": 9}', 1, NULL)
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_they_get_numbers_and_the_others_keep_theirs(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server: Postgres = request.getfixturevalue("postgres")
    with server.database("template0") as there:
        path = tmp_path / "gateway.db"
        url = f"sqlite:///{path}" if kind == "sqlite" else there
        await migrate(url, "0013")
        if kind == "sqlite":
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.executescript(KEYS)
        else:
            server.sql(KEYS, url)
        async with open_store(url, new_id=new_id) as store:
            found = {key.id: key for key in await store.keys.all()}

    assert {key.id: key.name for key in found.values()} == {
        "a": "n8n",
        "b": "n8n-3",
        "c": "n8n",
        "d": "n8n-4",
        "e": "n8n-2",
        "f": "N8N",
        "g": "clerk",
        "h": "clerk",
        "i": "gone",
    }
    ended = {key.id for key in found.values() if key.revoked_at is not None}
    assert ended == {"c", "g"}
    assert found["g"].revoked_at == found["g"].limits.expires_at
