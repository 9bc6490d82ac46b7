"""Kinds of events, named after the resource and what happened to it."""

from alembic import op

revision = "0004"
down_revision = "0003"

# Only the kind changes: ids stay, so that clients resume after the last event they have.
_RENAME = """
    UPDATE events
    SET kind = CASE kind
        WHEN 'rental_rented' THEN 'rental.created'
        WHEN 'code_received' THEN 'rental.code_received'
        ELSE 'rental.ended'
    END
    WHERE kind IN ('rental_rented', 'code_received', 'rental_ended')
"""


def upgrade() -> None:
    """Rename the kinds of the events already stored."""
    op.execute(_RENAME)
