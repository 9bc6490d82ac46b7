"""Who calls: keys, accounts, and the check value of the gateway's secret."""

from sqlalchemy import BigInteger, Column, Table, Text, UniqueConstraint

from adapters.store.sql.schema.base import metadata

# The check value of the gateway's secret, and notes: of each account, its last deleted event, and
# since when its balance is low (negative) or no longer is.
checks = Table(
    "checks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# Accounts whose keys the provider has accepted.
accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("accepted_at", BigInteger, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hashed", Text, nullable=False),
    Column("limits", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    UniqueConstraint("hashed", name="keys_hashed"),
)
