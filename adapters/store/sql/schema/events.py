"""What happened, codes, and the provider's webhooks on their way to the operator's targets."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from adapters.store.sql.schema.base import Counted, metadata

events = Table(
    "events",
    metadata,
    Column("id", Counted, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("caller_id", Text),
    Column("kind", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("rental", Text, nullable=False),  # as it stood then, as JSON; null: about no rental
    Column("oldest", BigInteger, nullable=False),  # the age of the oldest secret in it
    Column("rental_id", BigInteger),  # absent also where an earlier version wrote it
    Column("details", Text),  # what an event about no rental tells, as JSON
    sqlite_autoincrement=True,
)
Index("events_account", events.c.account_id, events.c.id)
Index("events_caller", events.c.account_id, events.c.caller_id, events.c.id)
Index("events_oldest", events.c.oldest)
Index("events_kind", events.c.account_id, events.c.kind, events.c.id)
Index(
    "events_callers_kind",
    events.c.account_id,
    events.c.caller_id,
    events.c.kind,
    events.c.id,
)
Index("events_rental", events.c.account_id, events.c.rental_id, events.c.id)

# Every different code of a rental; the provisional ones are from webhooks, and may stand beside the
# exact ones that they announced.
codes = Table(
    "codes",
    metadata,
    Column("id", Counted, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("rental_id", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("provisional", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index("codes_rental", codes.c.account_id, codes.c.rental_id)
Index("codes_received", codes.c.received_at)

# Provisional codes that processes of earlier versions write; only deleted here.
hints = Table(
    "hints",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("rental_id", BigInteger, primary_key=True, autoincrement=False),
    Column("code", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)
Index("hints_received", hints.c.received_at)

# Webhook deliveries to the operator's targets.
letters = Table(
    "letters",
    metadata,
    Column("id", Counted, primary_key=True),
    Column("target", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index("letters_due", letters.c.due_at, letters.c.id)
Index("letters_added", letters.c.added_at)
