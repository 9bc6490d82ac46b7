"""Keys that are changed, rotated and made by other keys; and who did what."""

import json
import time

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_UNREVOKED = sa.text("revoked_at IS NULL")
_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LONGEST = 200  # characters of a name: PostgreSQL indexes no text of kilobytes


def upgrade() -> None:
    """Add the columns and the table; give keys of one name names of their own."""
    for name in ("previous_hashed", "parent_id"):
        op.add_column("keys", sa.Column(name, sa.Text))
    for name in ("previous_until", "test"):
        op.add_column("keys", sa.Column(name, sa.BigInteger))
    op.add_column("spends", sa.Column("ancestors", sa.Text))
    _rename()
    op.create_index(
        "keys_name",
        "keys",
        ["name"],
        unique=True,
        sqlite_where=_UNREVOKED,
        postgresql_where=_UNREVOKED,
    )
    for name in ("previous_hashed", "parent_id"):
        present = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"keys_{name}", "keys", [name], sqlite_where=present, postgresql_where=present
        )
    op.create_table(
        "audit_log",
        sa.Column("id", _COUNTED, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("actor", "action", "subject", "details")
        ),
        sqlite_autoincrement=True,
    )


def _rename() -> None:
    """Number equal names of living keys, past the names that others have: n8n, n8n-2.

    Where an expired key has the name of a living one, it ends when it expired.
    """
    now, taken = time.time_ns() // 1000, set[str]()
    expired, named = _sorted(now)
    for key_id, name in named:
        number, unique = 1, name
        while unique in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique)
        _update("name", unique, key_id)
    for key_id, name, ended in expired:
        if name in taken:
            _update("revoked_at", ended, key_id)
        _update("name", name, key_id)
        taken.add(name)


def _sorted(now: int) -> tuple[list[tuple[str, str, int]], list[tuple[str, str]]]:
    """The unrevoked keys: those that have expired, and the living, those that keep a name first."""
    rows = op.get_bind().execute(
        sa.text(
            "SELECT id, name, limits FROM keys WHERE revoked_at IS NULL ORDER BY created_at, id"
        )
    )
    expired, living = list[tuple[str, str, int]](), list[tuple[str, str]]()
    for key_id, given, limits in rows.all():
        name, ends = given.strip()[:_LONGEST], json.loads(limits).get("expires_at")
        if ends is not None and ends <= now:
            expired.append((key_id, name, ends))
        else:
            living.append((key_id, name))
    first = {name: key_id for key_id, name in reversed(living)}
    return expired, sorted(living, key=lambda key: first[key[1]] != key[0])


def _update(column: str, value: str | int, key_id: str) -> None:
    change = sa.text(f"UPDATE keys SET {column} = :value WHERE id = :id")  # noqa: S608 - a constant
    op.get_bind().execute(change, {"value": value, "id": key_id})
