"""The schema of both databases, by subject."""

from adapters.store.sql.schema.base import metadata, not_test, one_of
from adapters.store.sql.schema.events import codes, events, hints, letters
from adapters.store.sql.schema.keys import accounts, audit_log, checks, keys
from adapters.store.sql.schema.ledger import (
    counting,
    handing_over,
    holding,
    spends,
    things,
    totals,
    unended,
    wanted,
)
from adapters.store.sql.schema.oauth import oauth_clients, oauth_codes, oauth_tokens
from adapters.store.sql.schema.shared import leases, places
from adapters.store.sql.schema.webhooks import deliveries, pending, webhooks

__all__ = [
    "accounts", "audit_log", "checks", "codes", "counting", "deliveries", "events",
    "handing_over", "hints", "holding", "keys", "leases", "letters", "metadata", "not_test",
    "oauth_clients", "oauth_codes", "oauth_tokens", "one_of", "pending", "places", "spends",
    "things", "totals", "unended", "wanted", "webhooks",
]  # fmt: skip
