"""What `serve` does not load before anybody asks for it: it stays for the life of the process."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cli.test_processes import read_until
from tests.support.postgres import Postgres

SERVE = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules))))
from gateway.__main__ import main
main()
"""
LATE = {
    "adapters.simulator",  # --simulate
    "alembic",  # a database of an earlier version
    "gateway.http.documents.examples",  # the documents
    "greenlet",
    "jsonschema",
    "mako",
    "mcp",  # the first call of /mcp
    "mcp_types",
    "pygments",
    "rich",  # tables at a terminal
    "yaml",  # the documents
}
OF_POSTGRES = {"asyncpg", "adapters.store.postgres", "sqlalchemy.dialects.postgresql"}


def loaded(url: str, *options: str) -> set[str]:
    """The modules of a gateway on that database that listens, and that nobody has called."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, "serve", "--port", "0", "--log-format", "json", *options],
        env={**os.environ, "GATEWAY_DATABASE_URL": url, "GATEWAY_SECRET": "s" * 40},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        read_until(process.stderr, '"listening"')
        process.terminate()
        told, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    return set(json.loads(told.splitlines()[-1]))


def test_a_gateway_on_a_file_has_loaded_what_it_needs(tmp_path: Path) -> None:
    found = loaded(f"sqlite:///{tmp_path}/gateway.db")

    assert found & (LATE | OF_POSTGRES) == set()
    assert found >= {"adapters.store.sqlite", "gateway.http.rest.face"}


def test_a_gateway_on_postgres_has_loaded_what_it_needs(postgres: Postgres) -> None:
    with postgres.database("template0") as url:
        found = loaded(url)

    assert found & (LATE | {"adapters.store.sqlite"}) == set()
    assert found >= OF_POSTGRES


def test_the_simulator_is_loaded_where_it_is_wanted(tmp_path: Path) -> None:
    found = loaded(f"sqlite:///{tmp_path}/gateway.db", "--simulate")

    assert found & ((LATE | OF_POSTGRES) - {"adapters.simulator"}) == set()
    assert "adapters.simulator" in found
