"""What the nodes on one database share besides the ledger."""

from sqlalchemy import BigInteger, Column, Table, Text

from adapters.store.sql.schema.base import metadata

# These two are what nodes share: empty in SQLite, and unlogged in PostgreSQL. A crash of the server
# empties them; what they held has run out by the time it is back.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
places = Table(
    "places",
    metadata,
    Column("bucket", Text, primary_key=True),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("taken_at", BigInteger, nullable=False),
)
