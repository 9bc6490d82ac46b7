"""The secret's check value, which purchases see the whole account, and sums by account."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_COUNTING = sa.text("state IN ('intended', 'sent', 'unknown', 'bought')")
# A caller's purchases are all of one account.
_SUMS = """
    INSERT INTO totals (caller_id, period, micros)
    SELECT 'account:' || owned.account_id, totals.period, SUM(totals.micros)
    FROM totals
    JOIN (SELECT DISTINCT caller_id, account_id FROM spends) AS owned
        ON owned.caller_id = totals.caller_id
    WHERE totals.period <> 'total'
    GROUP BY owned.account_id, totals.period
"""


def upgrade() -> None:
    """Add them. Of older purchases only those of the account's own key see the whole account."""
    op.create_table(
        "checks",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.add_column("spends", sa.Column("sees_account", sa.BigInteger))
    op.execute("UPDATE spends SET sees_account = 1 WHERE caller_id = account_id")
    op.create_index(
        "spends_callers",
        "spends",
        ["caller_id", "at"],
        sqlite_where=_COUNTING,
        postgresql_where=_COUNTING,
    )
    op.execute(_SUMS)
