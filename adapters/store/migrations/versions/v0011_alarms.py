"""How much of each budget has been told as spent."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column."""
    op.add_column("totals", sa.Column("told", sa.BigInteger))
