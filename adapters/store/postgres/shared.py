"""Leases and rate limits that nodes share, by the server's clock: one round trip each."""

from math import ceil

from sqlalchemy import TextClause
from sqlalchemy import text as sql

from adapters.store.sql.database import Database
from adapters.store.sql.statement import Statement, number, text

_SOONEST = 0.001  # seconds: another node has just taken the place that was seen free


def _by_clock(query: str) -> TextClause:
    """A query with the server's time as :now, in microseconds."""
    return sql(query.replace(":now", "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))


# An owner's advisory lock is free once its process is dead: then its lease is, too. It is only
# tried where another owner has the lease, and released with the statement.
_LEASE = Statement(
    _by_clock(
        """
        INSERT INTO leases (name, owner, until) VALUES (:name, :owner, :now + :micros)
        ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
        WHERE CASE
            WHEN leases.owner = excluded.owner OR leases.until <= :now THEN true
            ELSE pg_try_advisory_xact_lock_shared(leases.owner)
        END
        RETURNING owner
        """
    ).bindparams(text("name"), number("owner"), number("micros"))
)
_GIVE_BACK = Statement(
    sql("DELETE FROM leases WHERE name = :name AND owner = :owner").bindparams(
        text("name"), number("owner")
    )
)
# Each place is a row, and no row is granted twice within a window: so of any `places` + 1 grants
# two are the same row's, and a window apart. Takers skip the rows that others have locked.
_TAKE = Statement(
    _by_clock(
        """
        WITH clock AS MATERIALIZED (SELECT :now AS now),
        free AS (
            SELECT place FROM places, clock
            WHERE bucket = :bucket AND place < :places AND taken_at <= now - :micros
            ORDER BY taken_at LIMIT 1 FOR UPDATE OF places SKIP LOCKED
        ),
        taken AS (
            UPDATE places SET taken_at = now FROM free, clock
            WHERE bucket = :bucket AND places.place = free.place AND taken_at <= now - :micros
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM taken) AS taken, count(*) AS known,
            min(taken_at) + :micros - (SELECT now FROM clock) AS wait
        FROM places WHERE bucket = :bucket AND place < :places
        """
    ).bindparams(text("bucket"), number("places"), number("micros"))
)
_MAKE_PLACES = Statement(
    sql(
        """
        INSERT INTO places (bucket, place, taken_at)
        SELECT :bucket, place, 0 FROM generate_series(0, :places - 1) AS place
        ON CONFLICT DO NOTHING
        """
    ).bindparams(text("bucket"), number("places"))
)


class PostgresLeases:
    """Leases that end with their time, or with the process that has them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owner = int(database.liveness.own_id)

    async def take(self, name: str, seconds: float) -> bool:
        micros = ceil(seconds * 1_000_000)
        row = await self._database.alone(
            lambda tx: tx.row(_LEASE, name=name, owner=self._owner, micros=micros)
        )
        return row is not None

    async def give_back(self, name: str) -> None:
        await self._database.alone(lambda tx: tx.execute(_GIVE_BACK, name=name, owner=self._owner))


class PostgresBuckets:
    """Rate limits as rows: a place that was granted is free again after a window."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def alone(self) -> bool:
        """Never: other nodes come and go without a sign."""
        return False

    async def take(self, bucket: str, places: int, window: float) -> float:
        micros = ceil(window * 1_000_000)
        while True:
            row = await self._database.alone(
                lambda tx: tx.row(_TAKE, bucket=bucket, places=places, micros=micros)
            )
            if row is not None and row["taken"]:
                return 0.0
            if row is not None and row["known"] == places:
                wait: float = row["wait"] / 1_000_000
                return max(wait, _SOONEST)
            await self._database.alone(
                lambda tx: tx.execute(_MAKE_PLACES, bucket=bucket, places=places)
            )
