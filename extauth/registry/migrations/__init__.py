"""Brings a database to the tables of this version. Steps are numbered files in `versions/` and never change later."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from extauth.registry.errors import UnavailableError


def upgrade(connection: Connection) -> None:
    """Apply all steps that are missing, in the transaction of `connection`; UnavailableError for an unknown schema."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise UnavailableError("the database belongs to a later version of extauth: run that version") from None
