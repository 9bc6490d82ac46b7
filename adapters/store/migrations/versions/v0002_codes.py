"""Codes: events, provisional codes, webhook deliveries, and what nodes share."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _events()
    _hints()
    _letters()
    _shared()


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", _COUNTED, primary_key=True),
        *_columns("account_id", sa.Text),
        sa.Column("caller_id", sa.Text),
        *_columns("kind", sa.Text),
        *_columns("at", sa.BigInteger),
        *_columns("rental", sa.Text),
        *_columns("oldest", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_index("events_account", "events", ["account_id", "id"])
    op.create_index("events_caller", "events", ["account_id", "caller_id", "id"])
    op.create_index("events_oldest", "events", ["oldest"])


def _hints() -> None:
    op.create_table(
        "hints",
        *_columns("account_id", sa.Text),
        *_columns("rental_id", sa.BigInteger),
        *_columns("code", sa.Text),
        *_columns("received_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("account_id", "rental_id"),
    )
    op.create_index("hints_received", "hints", ["received_at"])


def _letters() -> None:
    op.create_table(
        "letters",
        sa.Column("id", _COUNTED, primary_key=True),
        *_columns("target query content_type", sa.Text),
        *_columns("body", sa.LargeBinary),
        *_columns("tries added_at due_at", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_index("letters_due", "letters", ["due_at", "id"])
    op.create_index("letters_added", "letters", ["added_at"])


def _shared() -> None:
    op.create_table(
        "leases",
        *_columns("name", sa.Text),
        *_columns("owner until", sa.BigInteger),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "places",
        *_columns("bucket", sa.Text),
        *_columns("place taken_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("bucket", "place"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("leases", "places"):
            op.execute(f"ALTER TABLE {table} SET UNLOGGED")


def _columns(names: str, kind: type[Any]) -> Sequence[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names.split()]
