"""The ledger: purchases, what was bought, running sums, and the gateway's keys."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SORTABLE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _spends()
    _things()
    op.create_table(
        "totals",
        *_columns("caller_id period", sa.Text, nullable=False),
        *_columns("micros", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("caller_id", "period"),
    )
    op.create_table(
        "keys",
        *_columns("id name hashed limits", sa.Text, nullable=False),
        *_columns("created_at", sa.BigInteger, nullable=False),
        *_columns("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hashed", name="keys_hashed"),
    )


def _spends() -> None:
    op.create_table(
        "spends",
        sa.Column("ledger_id", _SORTABLE, primary_key=True),
        *_columns("operation kind account_id caller_id", sa.Text, nullable=False),
        *_columns("request_id", sa.Text),
        *_columns("fingerprint", sa.Text, nullable=False),
        *_columns("subject_id", sa.BigInteger),
        *_columns("service_code", sa.Text),
        *_columns("state", sa.Text, nullable=False),
        *_columns("reserved charged", sa.BigInteger),
        *_columns("refunded at active_until", sa.BigInteger, nullable=False),
        *_columns("sent_at answer_status", sa.BigInteger),
        *_columns("answer_body", sa.LargeBinary),
        *_columns("kept_at undelivered_at", sa.BigInteger),
        *_columns("owner", sa.Text, nullable=False),
    )
    _index("spends_request", "spends", ["caller_id", "request_id"], "request_id IS NOT NULL")
    holding = "state IN ('intended', 'sent', 'unknown')"
    _index("spends_holding", "spends", ["caller_id"], holding)
    _index("spends_kept", "spends", ["kept_at"], "kept_at IS NOT NULL")
    undelivered = "undelivered_at IS NOT NULL"
    _index("spends_undelivered", "spends", ["caller_id", "fingerprint"], undelivered)


def _things() -> None:
    op.create_table(
        "things",
        sa.Column("ledger_id", _SORTABLE, primary_key=True),
        *_columns("account_id kind", sa.Text, nullable=False),
        *_columns("provider_id", sa.BigInteger),
        *_columns("caller_id", sa.Text),
        *_columns("status", sa.Text, nullable=False),
        *_columns("service_code service_name number code", sa.Text),
        *_columns("code_at price created_at ends_at active_until", sa.BigInteger),
        *_columns("period", sa.Text),
        *_columns("auto_renew", sa.BigInteger),
        *_columns("rented_on ends_on", sa.Text),
        sa.UniqueConstraint("account_id", "kind", "provider_id", name="things_provider_id"),
    )
    op.create_index("things_listed", "things", ["account_id", "kind", "ledger_id"])
    callers = ["account_id", "kind", "caller_id", "ledger_id"]
    op.create_index("things_callers", "things", callers)
    live = "status IN ('active', 'code_received')"
    _index("things_live", "things", ["caller_id", "active_until"], live)
    _index("things_codes", "things", ["code_at"], "code IS NOT NULL")


def _columns(names: str, kind: type[Any], *, nullable: bool = True) -> Sequence[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=nullable) for name in names.split()]


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    """A partial index; the one on request ids is what makes them unique."""
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        columns,
        unique=name == "spends_request",
        sqlite_where=condition,
        postgresql_where=condition,
    )
