from bench.postgres import cpu_seconds
from tests.support.postgres import Postgres


def test_what_its_ended_processes_took_counts_as_the_servers(postgres: Postgres) -> None:
    before = cpu_seconds(postgres)
    postgres.sql("SELECT count(*) FROM generate_series(1, 2000000) AS n(i) WHERE sqrt(i) > 2")

    assert cpu_seconds(postgres) > before + 0.1
