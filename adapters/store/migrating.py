"""Migrates a database to the schema of this version; refuses one of a newer version."""

from pathlib import Path
from typing import TYPE_CHECKING

from adapters.store.errors import NewerSchema

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

HEAD = "0015"  # the newest of migrations/versions
VERSION_TABLE = "gateway_schema"  # not Alembic's: the database may serve another program too
REVISION = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant
_FOLDER = Path(__file__).parent / "migrations"


def needed(revision: str | None) -> bool:
    """Whether a database at this revision has to be migrated; raises NewerSchema."""
    if revision == HEAD:
        return False  # without loading Alembic, which takes a third of a second
    if revision is not None and revision not in known():
        raise NewerSchema(
            "The database was made by a newer getatext-gateway "
            f"(its schema is {revision}, this version knows up to {HEAD}): upgrade."
        )
    return True


def known() -> set[str]:
    """Every revision this version knows."""
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def upgrade(connection: "Connection") -> None:
    """Run the missing migrations, inside the transaction that the connection is in."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
