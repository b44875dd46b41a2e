"""What every command begins with: a service built from the surroundings, and refusals told in words."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from wallet_service import config, logs, stage
from wallet_service.domain.errors import WalletError
from wallet_service.wiring import Service, build

AT_LEAST_ONE = click.IntRange(min=1)


class Commands(click.Group):
    """Tells our own errors in words and without a stack trace."""

    def invoke(self, context: click.Context) -> object:
        """Run the command, and end with 1 and a message if it refuses."""
        try:
            return super().invoke(context)
        except WalletError as error:
            raise click.ClickException(str(error) or type(error).__name__) from error


@contextmanager
def opened() -> Iterator[Service]:
    """Build the service that runs in these surroundings, and let go of it at the end, also on a signal."""
    stage.heed_signals()
    settings = config.load(stage.surroundings())
    logs.configure(settings.log_format)
    service = build(settings)
    try:
        yield service
    finally:
        service.close()
