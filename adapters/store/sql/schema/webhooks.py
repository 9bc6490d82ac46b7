"""Outgoing webhooks, and the events on their way to them."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from adapters.store.sql.schema.base import metadata, one_of, partial

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("caller_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),  # their types, with commas
    Column("service_code", Text),
    Column("description", Text),
    Column("format", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),  # of the secret that is made of the id
    Column("created_at", BigInteger, nullable=False),
    Column("cursor", BigInteger, nullable=False),  # the last event that was looked at
    Column("disabled_reason", Text),  # absent while it is enabled
    Column("failing_since", BigInteger),  # the first failure after the last success
)
Index("webhooks_account", webhooks.c.account_id, webhooks.c.caller_id)
Index("webhooks_enabled", webhooks.c.id, **partial(webhooks.c.disabled_reason.is_(None)))

deliveries = Table(
    "deliveries",
    metadata,
    Column("webhook_id", Text, primary_key=True),
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("queued_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),  # absent where it is not tried again
    # The last try: absent before the first.
    Column("tried_at", BigInteger),
    Column("status", BigInteger),
    Column("error", Text),
    Column("answer", Text),
    Column("duration_ms", BigInteger),
)
pending = one_of(deliveries.c.state, "pending")
Index("deliveries_due", deliveries.c.webhook_id, deliveries.c.due_at, **partial(pending))
Index("deliveries_queued", deliveries.c.queued_at)
