"""Keys as earlier versions wrote them, which did not compare names."""

from secrets import token_hex
from typing import cast

from sqlalchemy import update

from adapters.store.sql.schema import keys
from adapters.store.sql.statement import Statement, text
from adapters.store.tables.keys import StoredKeys
from gateway.cli.commands.keys import make_key
from gateway.core.model.callers import Limits
from gateway.wiring import Gateway

_RENAME = Statement(update(keys).where(keys.c.name == text("unique")).values(name=text("new_name")))


async def make_older_key(gateway: Gateway, name: str, limits: Limits) -> str:
    """A new key with a name that others may have."""
    unique = token_hex(8)
    key = await make_key(gateway, unique, limits)
    database = cast("StoredKeys", gateway.keys)._database
    await database.alone(lambda tx: tx.execute(_RENAME, unique=unique, new_name=name))
    return key
