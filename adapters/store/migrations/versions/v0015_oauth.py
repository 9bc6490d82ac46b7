"""OAuth: clients, codes and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "oauth_clients",
        sa.Column("id", sa.Text, primary_key=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("name", "redirect_uris", "auth_method", "grant_types")
        ),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("token_at", sa.BigInteger),
        sa.Column("kept_until", sa.BigInteger, nullable=False),
    )
    without_token = sa.text("token_at IS NULL")
    op.create_index(
        "oauth_clients_new",
        "oauth_clients",
        ["created_at", "id"],
        sqlite_where=without_token,
        postgresql_where=without_token,
    )
    op.create_index("oauth_clients_kept", "oauth_clients", ["kept_until"])
    _make_expiring("oauth_codes", "key_id", "client_id", "sign_in")
    _make_expiring("oauth_tokens", "kind", "client_id", "key_id", "resource", "scope")


def _make_expiring(table: str, *texts: str) -> None:
    op.create_table(
        table,
        sa.Column("hashed", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
    )
    op.create_index(f"{table}_expires", table, ["expires_at"])
