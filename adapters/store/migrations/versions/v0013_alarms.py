"""How much of each budget has been told as spent."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0009"


def upgrade() -> None:
    """Add the column."""
    op.add_column("totals", sa.Column("told", sa.BigInteger))
