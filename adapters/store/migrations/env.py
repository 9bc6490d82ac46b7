"""Run by Alembic: migrates the connection that `migrating.upgrade` passes."""

from alembic import context

from adapters.store.migrating import VERSION_TABLE
from adapters.store.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
