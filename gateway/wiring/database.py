"""The database of the settings, and how it is opened."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from adapters.store import BadUrl, Store, Unreachable, default_url, open_store
from gateway.core.model.values import new_ledger_id
from gateway.settings import Settings


def database_url(settings: Settings) -> str:
    """The URL of the database: as set, or the default one in the data folder. Raises BadUrl."""
    if settings.gateway_database_url:
        return settings.gateway_database_url
    try:
        return default_url(settings.data_dir)
    except RuntimeError:
        raise BadUrl(
            "There is no home directory to keep data in: set GATEWAY_DATA_DIR to a folder."
        ) from None


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """The store of the settings, until the end of the block; raises StoreError."""
    async with AsyncExitStack() as opened:
        try:
            store = await opened.enter_async_context(
                open_store(database_url(settings), new_id=new_ledger_id)
            )
        except Unreachable as error:
            if settings.gateway_database_url:
                raise
            raise Unreachable(f"{error} Set GATEWAY_DATA_DIR to another folder.") from error
        yield store
