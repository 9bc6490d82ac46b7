"""Which purchases agents made, which repeat them by mistake."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column."""
    op.add_column("spends", sa.Column("over_mcp", sa.BigInteger))
