"""What callers and the gateway want of a rental: a name, its cancelling, its replacement."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_WANTED = sa.text("cancel_due_at IS NOT NULL")


def upgrade() -> None:
    """Add the columns, and an index of the cancels that are wanted."""
    op.add_column("spends", sa.Column("reference", sa.Text))
    op.add_column("spends", sa.Column("wishes", sa.Text))
    for name in ("reference", "cancel_reason"):
        op.add_column("things", sa.Column(name, sa.Text))
    for name in (
        *("replaces", "replaced_by", "replacements"),
        *("cancel_requested_at", "cancel_available_at", "cancel_due_at"),
    ):
        op.add_column("things", sa.Column(name, sa.BigInteger))
    op.create_index(
        "things_cancels",
        "things",
        ["account_id", "cancel_due_at"],
        sqlite_where=_WANTED,
        postgresql_where=_WANTED,
    )
