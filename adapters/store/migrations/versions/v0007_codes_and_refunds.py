"""All codes of a rental, when and why a purchase was refunded, and which rentals have not ended."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNENDED = sa.text(
    "kind = 'rental' AND provider_id IS NOT NULL "
    "AND status IN ('active', 'code_received', 'unknown')"
)
# The table of hints stays: processes of earlier versions write into it.
_PROVISIONAL = """
    INSERT INTO codes (account_id, rental_id, code, received_at, provisional)
    SELECT account_id, rental_id, code, received_at, 1 FROM hints
"""
_EXACT = """
    INSERT INTO codes (account_id, rental_id, code, received_at, provisional)
    SELECT account_id, provider_id, code, code_at, 0 FROM things
    WHERE kind = 'rental' AND provider_id IS NOT NULL AND code IS NOT NULL AND code_at IS NOT NULL
"""
# What a purchase of unknown outcome may have brought has the time of the purchase.
_TIMES = """
    UPDATE things SET created_at = (SELECT at FROM spends WHERE spends.ledger_id = things.ledger_id)
    WHERE kind = 'rental' AND provider_id IS NULL AND created_at IS NULL
"""


def upgrade() -> None:
    """Add them, with the codes that are known."""
    op.create_table(
        "codes",
        sa.Column("id", _COUNTED, primary_key=True),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("rental_id", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("provisional", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("codes_rental", "codes", ["account_id", "rental_id"])
    op.create_index("codes_received", "codes", ["received_at"])
    op.execute(_PROVISIONAL)
    op.execute(_EXACT)
    op.execute(_TIMES)
    op.add_column("spends", sa.Column("refunded_at", sa.BigInteger))
    op.add_column("spends", sa.Column("refund_reason", sa.Text))
    op.add_column("things", sa.Column("refunded", sa.BigInteger))
    op.add_column("things", sa.Column("given_up", sa.BigInteger))
    op.create_index(
        "things_unended",
        "things",
        ["account_id", "ledger_id"],
        sqlite_where=_UNENDED,
        postgresql_where=_UNENDED,
    )
