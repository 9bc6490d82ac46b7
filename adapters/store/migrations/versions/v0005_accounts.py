"""The accounts whose keys the provider has accepted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# Whoever has bought something was accepted.
_BUYERS = """
    INSERT INTO accounts (id, accepted_at)
    SELECT account_id, MIN(at) FROM spends WHERE state = 'bought' GROUP BY account_id
"""


def upgrade() -> None:
    """Make the table, with the accounts that have bought something."""
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("accepted_at", sa.BigInteger, nullable=False),
    )
    op.execute(_BUYERS)
