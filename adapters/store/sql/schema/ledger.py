"""Purchases, what they bought, and the sums that budgets are checked against."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    and_,
    literal_column,
)

from adapters.store.sql.schema.base import Sortable, metadata, one_of, partial

# Purchases.
spends = Table(
    "spends",
    metadata,
    Column("ledger_id", Sortable, primary_key=True),
    Column("operation", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("caller_id", Text, nullable=False),
    Column("request_id", Text),
    Column("fingerprint", Text, nullable=False),
    Column("subject_id", BigInteger),
    Column("service_code", Text),
    Column("state", Text, nullable=False),
    Column("reserved", BigInteger),
    Column("charged", BigInteger),
    Column("refunded", BigInteger, nullable=False),
    # Both absent where it was not refunded, or by a version that did not write them down.
    Column("refunded_at", BigInteger),
    Column("refund_reason", Text),
    Column("at", BigInteger, nullable=False),
    Column("active_until", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("answer_status", BigInteger),
    Column("answer_body", LargeBinary),
    Column("kept_at", BigInteger),  # when it was settled, while it has an answer or request id
    # Since when its caller lacks the answer. Negative: since then its owner hands the answer over.
    Column("undelivered_at", BigInteger),
    Column("owner", Text, nullable=False),  # the owner id of the process that began it
    Column("sees_account", BigInteger),  # 1: its caller sees all of the account
    Column("reference", Text),  # the caller's own name for what it is about
    Column("wishes", Text),  # of which number was asked for, as JSON, for its replacement
    # Of a rental: after how many seconds its first code came, -4 where that is not known; without
    # a code -1 where it was cancelled, -2 expired, -3 completed; absent while none of it happened.
    Column("result", BigInteger),
    Column("over_mcp", BigInteger),  # 1: an agent made it
    # Whose sums it counts in besides its caller's: of the keys that its own was made by, the caller
    # ids with spaces between, the nearest first; absent where there are none.
    Column("ancestors", Text),
)
_request = spends.c.request_id.is_not(None)
# Add this to a narrower condition too: SQLite does not see that it follows from it, and would not
# use the partial index.
holding = one_of(spends.c.state, "intended", "sent", "unknown")
counting = one_of(spends.c.state, "intended", "sent", "unknown", "bought")
Index("spends_request", spends.c.caller_id, spends.c.request_id, unique=True, **partial(_request))
Index("spends_holding", spends.c.caller_id, **partial(holding))
Index("spends_callers", spends.c.caller_id, spends.c.at, **partial(counting))
Index("spends_kept", spends.c.kept_at, **partial(spends.c.kept_at.is_not(None)))
Index(
    "spends_undelivered",
    spends.c.caller_id,
    spends.c.fingerprint,
    **partial(spends.c.undelivered_at.is_not(None)),
)
# It covers what reports sum up.
Index(
    "spends_usage",
    *(spends.c[name] for name in ("account_id", "at", "state", "kind", "service_code")),
    *(spends.c[name] for name in ("charged", "refunded", "result", "caller_id", "reference")),
    **partial(one_of(spends.c.state, "bought")),
)
handing_over = spends.c.undelivered_at < literal_column("0")
Index("spends_handing_over", spends.c.owner, **partial(handing_over))

# Rentals and long rentals.
things = Table(
    "things",
    metadata,
    Column("ledger_id", Sortable, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("provider_id", BigInteger),  # absent while the outcome of the purchase is unknown
    Column("caller_id", Text),  # absent where it was not bought here
    Column("status", Text, nullable=False),
    Column("service_code", Text),
    Column("service_name", Text),
    Column("number", Text),
    Column("code", Text),
    Column("code_at", BigInteger),
    Column("price", BigInteger),
    Column("created_at", BigInteger),
    Column("ends_at", BigInteger),
    Column("active_until", BigInteger),
    Column("period", Text),
    Column("auto_renew", BigInteger),
    Column("rented_on", Text),
    Column("ends_on", Text),
    Column("refunded", BigInteger),  # what came back; 0 where it did and nobody told how much
    Column("given_up", BigInteger),  # 1: ended by the gateway, without a word of the provider
    Column("reference", Text),
    Column("replaces", BigInteger),  # the provider's ids of the rental before it and after it
    Column("replaced_by", BigInteger),
    Column("replacements", BigInteger),  # how many replacements led to it
    # The wish to cancel it: since when, from when the provider allows it as far as is known, why,
    # and when it is tried next; the last is absent where no wish stands (any more).
    Column("cancel_requested_at", BigInteger),
    Column("cancel_available_at", BigInteger),
    Column("cancel_reason", Text),
    Column("cancel_due_at", BigInteger),
    UniqueConstraint("account_id", "kind", "provider_id", name="things_provider_id"),
)
_live = one_of(things.c.status, "active", "code_received")
Index("things_listed", things.c.account_id, things.c.kind, things.c.ledger_id)
Index(
    "things_callers",
    things.c.account_id,
    things.c.kind,
    things.c.caller_id,
    things.c.ledger_id,
)
Index("things_live", things.c.caller_id, things.c.active_until, **partial(_live))
unended = and_(
    things.c.kind == literal_column("'rental'"),
    things.c.provider_id.is_not(None),
    one_of(things.c.status, "active", "code_received", "unknown"),
)
Index("things_unended", things.c.account_id, things.c.ledger_id, **partial(unended))
Index("things_codes", things.c.code_at, **partial(things.c.code.is_not(None)))
Index(
    "things_reference",
    *(things.c[name] for name in ("account_id", "reference", "kind", "ledger_id")),
    **partial(things.c.reference.is_not(None)),
)
wanted = things.c.cancel_due_at.is_not(None)
Index("things_cancels", things.c.account_id, things.c.cancel_due_at, **partial(wanted))

# Running sums that budgets are checked against; an account is the caller "account:ID".
totals = Table(
    "totals",
    metadata,
    Column("caller_id", Text, primary_key=True),
    Column("period", Text, primary_key=True),  # a day in UTC, or "total"
    Column("micros", BigInteger, nullable=False),
    Column("told", BigInteger),  # the highest percentage of its budget that was told as spent
)
