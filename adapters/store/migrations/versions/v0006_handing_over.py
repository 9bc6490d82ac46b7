"""Finds the answers that a process was handing over when it died."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_HANDING_OVER = sa.text("undelivered_at < 0")


def upgrade() -> None:
    """Add the index; the mark is a negative time, which processes of earlier versions pass over."""
    op.create_index(
        "spends_handing_over",
        "spends",
        ["owner"],
        sqlite_where=_HANDING_OVER,
        postgresql_where=_HANDING_OVER,
    )
