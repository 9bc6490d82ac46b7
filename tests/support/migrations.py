"""Databases that migrations have made, up to the version of the schema that is wanted."""

from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from adapters.store import migrating


async def migrate(url: str, version: str = migrating.HEAD) -> None:
    """Run the missing migrations up to that version, on either database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrating, "HEAD", version)
        await on(url, migrating.upgrade)


async def on(url: str, work: Any) -> Any:
    """What the work with a connection of SQLAlchemy gives, in one transaction."""
    if url.startswith("sqlite"):
        with create_engine(url, poolclass=NullPool).begin() as connection:
            return work(connection)
    engine = create_async_engine(url.replace("://", "+asyncpg://", 1), poolclass=NullPool)
    async with engine.begin() as there:
        return await there.run_sync(work)
