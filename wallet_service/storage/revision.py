"""Which tables a database has, and which ones this code expects; whoever only asks needs nothing that makes them."""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, text

MIGRATIONS = Path(__file__).parent / "migrations"


@cache
def newest() -> str:
    """Return the newest migration's revision, which is the number that its file's name begins with."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def is_current(connection: Connection) -> bool:
    """Whether the database stands at the newest revision."""
    if not connection.scalar(text("SELECT to_regclass('alembic_version') IS NOT NULL")):
        return False
    return list(connection.scalars(text("SELECT version_num FROM alembic_version"))) == [newest()]
