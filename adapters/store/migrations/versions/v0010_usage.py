"""What became of each purchase, and the indexes that reports and lists by reference read."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_BOUGHT, _NAMED = sa.text("state IN ('bought')"), sa.text("reference IS NOT NULL")


def upgrade() -> None:
    """Add the column and the indexes."""
    op.add_column("spends", sa.Column("result", sa.BigInteger))
    op.create_index(
        "spends_usage",
        "spends",
        [
            *("account_id", "at", "state", "kind", "service_code", "charged", "refunded"),
            *("result", "caller_id", "reference"),
        ],
        sqlite_where=_BOUGHT,
        postgresql_where=_BOUGHT,
    )
    op.create_index(
        "things_reference",
        "things",
        ["account_id", "reference", "kind", "ledger_id"],
        sqlite_where=_NAMED,
        postgresql_where=_NAMED,
    )
