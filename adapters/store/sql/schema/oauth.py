"""OAuth: clients, and the codes and tokens that lead to child keys, by their hashes."""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from adapters.store.sql.schema.base import metadata, partial

oauth_clients = Table(
    "oauth_clients",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("redirect_uris", Text, nullable=False),  # as a list of JSON
    Column("auth_method", Text, nullable=False),
    Column("grant_types", Text, nullable=False),  # with spaces
    Column("created_at", BigInteger, nullable=False),
    Column("token_at", BigInteger),  # when it last got one
    Column("kept_until", BigInteger, nullable=False),
)
Index(
    "oauth_clients_new",
    oauth_clients.c.created_at,
    oauth_clients.c.id,
    **partial(oauth_clients.c.token_at.is_(None)),
)
Index("oauth_clients_kept", oauth_clients.c.kept_until)

oauth_codes = Table(
    "oauth_codes",
    metadata,
    Column("hashed", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("sign_in", Text, nullable=False),  # the request that it answers, as JSON
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)
Index("oauth_codes_expires", oauth_codes.c.expires_at)

oauth_tokens = Table(
    "oauth_tokens",
    metadata,
    Column("hashed", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)
Index("oauth_tokens_expires", oauth_tokens.c.expires_at)
