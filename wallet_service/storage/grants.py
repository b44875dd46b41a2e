"""Rights of the database role that web and workers use: it may add to append-only tables, and change nothing there."""

from sqlalchemy import Connection, text

from wallet_service.domain.errors import RightsRefused

_ROLE = text("""
    SELECT rolsuper, pg_has_role(:role, tableowner, 'MEMBER') AS owns
    FROM pg_roles LEFT JOIN pg_tables ON schemaname = 'public' AND tablename = 'ledger_transactions'
    WHERE rolname = :role
""")
_APPEND_ONLY = text("""
    SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE tgname = 'append_only' AND relnamespace = 'public'::regnamespace ORDER BY relname
""")
# What the role had before goes first, so that a right which it should not have does not outlast this.
_RIGHTS = (
    "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
    "REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}",
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
)
_READ_ONLY = ("alembic_version",)


def grant(tx: Connection, role: str) -> list[str]:
    """Give a role what the service needs, and return the tables that it may only read and add to.

    Raises `RightsRefused` for a role that is not there, or that no rights bind: a superuser, or the tables' owner.
    """
    found = tx.execute(_ROLE, {"role": role}).first()
    if found is None:
        raise RightsRefused(f"There is no role {role!r}. Make it first: CREATE ROLE … LOGIN.")
    if found.rolsuper or found.owns:
        raise RightsRefused(f"{role} is a superuser or owns the tables, and no rights bind it. Choose another role.")
    quoted = tx.dialect.identifier_preparer.quote_identifier(role)
    for statement in _RIGHTS:
        tx.exec_driver_sql(statement.format(role=quoted))
    kept = list(tx.execute(_APPEND_ONLY).scalars())
    for table in kept:
        tx.exec_driver_sql(f"REVOKE UPDATE, DELETE ON {table} FROM {quoted}")
    for table in _READ_ONLY:
        tx.exec_driver_sql(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {quoted}")
    return kept
