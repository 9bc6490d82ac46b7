"""Finds events by type and by rental, and has room for those that are about no rental."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns and indexes."""
    op.add_column("events", sa.Column("rental_id", sa.BigInteger))
    op.add_column("events", sa.Column("details", sa.Text))
    op.create_index("events_kind", "events", ["account_id", "kind", "id"])
    op.create_index("events_callers_kind", "events", ["account_id", "caller_id", "kind", "id"])
    op.create_index("events_rental", "events", ["account_id", "rental_id", "id"])
