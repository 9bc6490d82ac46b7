"""Outgoing webhooks and their deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("account_id", "caller_id", "url", "events")
        ),
        *(sa.Column(name, sa.Text) for name in ("service_code", "description")),
        sa.Column("format", sa.Text, nullable=False),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("generation", "created_at", "cursor")
        ),
        sa.Column("disabled_reason", sa.Text),
        sa.Column("failing_since", sa.BigInteger),
    )
    op.create_index("webhooks_account", "webhooks", ["account_id", "caller_id"])
    enabled = sa.text("disabled_reason IS NULL")
    op.create_index(
        "webhooks_enabled", "webhooks", ["id"], sqlite_where=enabled, postgresql_where=enabled
    )
    _deliveries()


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("webhook_id", sa.Text, primary_key=True),
        sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "state")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("tries", "queued_at")),
        *(sa.Column(name, sa.BigInteger) for name in ("due_at", "tried_at", "status")),
        *(sa.Column(name, sa.Text) for name in ("error", "answer")),
        sa.Column("duration_ms", sa.BigInteger),
    )
    pending = sa.text("state IN ('pending')")
    op.create_index(
        "deliveries_due",
        "deliveries",
        ["webhook_id", "due_at"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_index("deliveries_queued", "deliveries", ["queued_at"])
