"""`wallet-service migrate`: the database's tables, and who may write what in them."""

import click

from wallet_service.cli.opening import opened
from wallet_service.storage import grants, migrate


@click.command("migrate")
@click.option("--grant", "role", help="Then give this database role what web and workers need, and no more.")
def migrate_tables(role: str | None) -> None:
    """Bring the database's tables up to date.

    \b
    Example:   wallet-service migrate --grant wallet_app
    """
    with opened() as service:
        migrate.upgrade(service.engine)
        click.echo("The tables are up to date.")
        if role:
            with service.begin() as tx:
                kept = grants.grant(tx, role)
            click.echo(f"{role} may read and write, and of {len(kept)} tables only add to: {', '.join(kept)}.")
