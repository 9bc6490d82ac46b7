"""Who calls: keys, accounts, and the check value of the gateway's secret."""

from sqlalchemy import BigInteger, Column, Index, Table, Text, UniqueConstraint

from adapters.store.sql.schema.base import Counted, metadata, partial

# The check value of the gateway's secret, and notes: of each account, its last deleted event, and
# since when its balance is low (negative) or no longer is; the last id of the test account.
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
    Column("previous_hashed", Text),  # the secret before the last rotation
    Column("previous_until", BigInteger),  # until when that is accepted, too
    Column("parent_id", Text),  # the key that allowed this one
    Column("test", BigInteger),  # 1: it belongs to the test account
    UniqueConstraint("hashed", name="keys_hashed"),
)
Index("keys_name", keys.c.name, unique=True, **partial(keys.c.revoked_at.is_(None)))
for _column in (keys.c.previous_hashed, keys.c.parent_id):
    Index(f"keys_{_column.name}", _column, **partial(_column.is_not(None)))

# Who did what to keys, purchases and webhooks; kept as long as purchases.
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Counted, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),  # as JSON
    sqlite_autoincrement=True,
)
