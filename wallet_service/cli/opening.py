"""What most commands begin with: a service built from the surroundings."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from wallet_service import config, logs
from wallet_service.surroundings import heed_signals, surroundings
from wallet_service.wiring import Service, build

AT_LEAST_ONE = click.IntRange(min=1)


@contextmanager
def opened() -> Iterator[Service]:
    """Build the service that runs in these surroundings, and let go of it at the end, also on a signal."""
    heed_signals()
    settings = config.load(surroundings())
    logs.configure(settings.log_format)
    service = build(settings)
    try:
        yield service
    finally:
        service.close()
