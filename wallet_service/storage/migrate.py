"""Brings a database to the tables that this code expects."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from wallet_service.storage.revision import MIGRATIONS

LOCK = 0x57414C4C  # any number, the same in every process: two at once would race for the same tables


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply every migration up to `revision`; concurrent callers wait for each other."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take migrations back down to `revision` ("base" for none)."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        command.downgrade(_config(connection), revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
