"""The core's port `OAuthStore`, over a database."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import case, delete, func, insert, select, update

from adapters.store.sql import codec
from adapters.store.sql.database import Database
from adapters.store.sql.schema import keys, oauth_clients, oauth_codes, oauth_tokens
from adapters.store.sql.statement import Row, Statement, Tx, Value, like, number, text
from adapters.store.tables.keys import create
from gateway.core.model.audit import AuditRecord
from gateway.core.model.callers import GatewayKey
from gateway.core.model.oauth import AuthorizationCode, OAuthClient, OAuthToken, SignIn, TokenKind
from gateway.core.ports.oauth import AlreadyAnswered, TooManyChildren, TooManyClients

_CLIENT, _CODE, _TOKEN = (
    Statement(insert(table).values({each.name: like(each) for each in table.c}))
    for table in (oauth_clients, oauth_codes, oauth_tokens)
)
_NEW_CLIENTS = Statement(
    select(func.count().label("found"))
    .select_from(oauth_clients)
    .where(oauth_clients.c.token_at.is_(None), oauth_clients.c.kept_until > number("now"))
)
_FIND_CLIENT = Statement(select(oauth_clients).where(oauth_clients.c.id == text("client_id")))
_FIND_CODE, _FIND_TOKEN = (
    Statement(select(table).where(table.c.hashed == text("hashed")))
    for table in (oauth_codes, oauth_tokens)
)
_CHILDREN = Statement(
    select(keys).where(keys.c.parent_id == text("parent_id"), keys.c.revoked_at.is_(None))
)
_ANSWERS = Statement(
    select(oauth_codes.c.hashed).where(
        oauth_codes.c.client_id == text("client_id"), oauth_codes.c.sign_in == text("sign_in")
    )
)
# Of two nodes at once one changes the row: the other finds it used.
_USE_CODE, _USE_TOKEN = (
    Statement(
        update(table)
        .where(table.c.hashed == text("hashed"), table.c.used_at.is_(None))
        .where(table.c.expires_at > number("now"))
        .values(used_at=number("now"))
    )
    for table in (oauth_codes, oauth_tokens)
)
_until = number("kept_until")
_KEEP = Statement(
    update(oauth_clients)
    .where(oauth_clients.c.id == text("client_id"))
    .values(
        token_at=number("now"),
        kept_until=case(
            (oauth_clients.c.kept_until > _until, oauth_clients.c.kept_until), else_=_until
        ),
    )
)
_UNREDEEMED = Statement(
    select(oauth_codes.c.key_id)
    .join(keys, keys.c.id == oauth_codes.c.key_id)
    .where(oauth_codes.c.expires_at < number("before"), oauth_codes.c.used_at.is_(None))
    .where(keys.c.revoked_at.is_(None))
)
_DELETE_CODES, _DELETE_TOKENS, _DELETE_CLIENTS = (
    Statement(delete(column.table).where(column < number("before")))
    for column in (
        oauth_codes.c.expires_at,
        oauth_tokens.c.expires_at,
        oauth_clients.c.kept_until,
    )
)


class StoredOAuth:
    """Clients, codes and tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, client: OAuthClient, kept_until: datetime, most: int) -> None:
        now = codec.to_instant(client.created_at)

        async def unless_full(tx: Tx) -> None:
            counted = await tx.row(_NEW_CLIENTS, now=now)
            if counted is not None and counted["found"] >= most:
                raise TooManyClients
            await tx.execute(_CLIENT, **_client_columns(client, kept_until))

        await self._database.write(unless_full)

    async def client(self, client_id: str) -> OAuthClient | None:
        row = await self._database.read(lambda tx: tx.row(_FIND_CLIENT, client_id=client_id))
        return None if row is None else _client(row)

    async def grant(
        self, key: GatewayKey, code: AuthorizationCode, audit: AuditRecord, most: int
    ) -> None:
        client_id, sign_in = code.sign_in.client_id, json.dumps(asdict(code.sign_in))

        async def both(tx: Tx) -> None:
            await create(tx, key, audit)  # first: from then on no other adds a key
            siblings = await tx.rows(_CHILDREN, parent_id=key.parent_id or "")
            living = [
                each for each in siblings if codec.gateway_key(each).is_living(key.created_at)
            ]
            if len(living) > most:
                raise TooManyChildren
            if await tx.row(_ANSWERS, client_id=client_id, sign_in=sign_in) is not None:
                raise AlreadyAnswered
            await tx.execute(
                _CODE,
                hashed=code.hashed,
                key_id=code.key_id,
                client_id=client_id,
                sign_in=sign_in,
                expires_at=codec.to_instant(code.expires_at),
                used_at=None,
            )

        await self._database.write(both)

    async def code(self, hashed: str) -> AuthorizationCode | None:
        row = await self._database.read(lambda tx: tx.row(_FIND_CODE, hashed=hashed))
        return None if row is None else _code(row)

    async def redeem(
        self, hashed: str, tokens: Sequence[OAuthToken], at: datetime, kept_until: datetime
    ) -> bool:
        return await self._exchange(_USE_CODE, hashed, tokens, at, kept_until)

    async def token(self, hashed: str) -> OAuthToken | None:
        row = await self._database.read(lambda tx: tx.row(_FIND_TOKEN, hashed=hashed))
        return None if row is None else _token(row)

    async def rotate(
        self, hashed: str, tokens: Sequence[OAuthToken], at: datetime, kept_until: datetime
    ) -> bool:
        return await self._exchange(_USE_TOKEN, hashed, tokens, at, kept_until)

    async def unredeemed(self, before: datetime) -> Sequence[str]:
        limit = codec.to_instant(before)
        rows = await self._database.read(lambda tx: tx.rows(_UNREDEEMED, before=limit))
        return [row["key_id"] for row in rows]

    async def purge(self, before: datetime, at: datetime) -> None:
        limit, now = codec.to_instant(before), codec.to_instant(at)

        async def each(tx: Tx) -> None:
            await tx.execute(_DELETE_CODES, before=limit)
            await tx.execute(_DELETE_TOKENS, before=limit)
            await tx.execute(_DELETE_CLIENTS, before=now)

        await self._database.write(each)

    async def _exchange(
        self,
        use: Statement,
        hashed: str,
        tokens: Sequence[OAuthToken],
        at: datetime,
        kept_until: datetime,
    ) -> bool:
        now, until = codec.to_instant(at), codec.to_instant(kept_until)

        async def all_or_nothing(tx: Tx) -> bool:
            if not await tx.execute(use, hashed=hashed, now=now):
                return False
            for token in tokens:
                await tx.execute(_TOKEN, **_token_columns(token))
                await tx.execute(_KEEP, client_id=token.client_id, now=now, kept_until=until)
            return True

        return await self._database.write(all_or_nothing)


def _client_columns(client: OAuthClient, kept_until: datetime) -> dict[str, Value]:
    return {
        "id": client.id,
        "name": client.name,
        "redirect_uris": json.dumps(client.redirect_uris),
        "auth_method": client.auth_method,
        "grant_types": " ".join(client.grant_types),
        "created_at": codec.to_instant(client.created_at),
        "token_at": None,
        "kept_until": codec.to_instant(kept_until),
    }


def _client(row: Row) -> OAuthClient:
    return OAuthClient(
        id=row["id"],
        name=row["name"],
        redirect_uris=tuple(json.loads(row["redirect_uris"])),
        auth_method=row["auth_method"],
        grant_types=tuple(row["grant_types"].split(" ")),
        created_at=codec.from_instant(row["created_at"]),
    )


def _code(row: Row) -> AuthorizationCode:
    return AuthorizationCode(
        hashed=row["hashed"],
        key_id=row["key_id"],
        sign_in=SignIn(**json.loads(row["sign_in"])),
        expires_at=codec.from_instant(row["expires_at"]),
        used_at=_moment(row["used_at"]),
    )


def _token_columns(token: OAuthToken) -> dict[str, Value]:
    return {
        "hashed": token.hashed,
        "kind": token.kind.value,
        "client_id": token.client_id,
        "key_id": token.key_id,
        "resource": token.resource,
        "scope": token.scope,
        "expires_at": codec.to_instant(token.expires_at),
        "used_at": None if token.used_at is None else codec.to_instant(token.used_at),
    }


def _token(row: Row) -> OAuthToken:
    same = ("hashed", "client_id", "key_id", "resource", "scope")
    return OAuthToken(
        **{name: row[name] for name in same},
        kind=TokenKind(row["kind"]),
        expires_at=codec.from_instant(row["expires_at"]),
        used_at=_moment(row["used_at"]),
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else codec.from_instant(micros)
