"""`wallet-service run`, `web` and `sandbox`: the processes that listen, all at once or each by itself."""

import click

from wallet_service import config, demo, logs, serving, stage
from wallet_service.cli.opening import opened


@click.command()
@click.option(
    "--port", default=8000, envvar="PORT", show_default=True, help="The service's port; the phone takes the next one."
)
def run(port: int) -> None:
    """Start everything: database, demo, web, worker and the simulated phone.

    \b
    Example:   PORT=9000 wallet-service run
    """
    stage.run(port)


@click.command()
def web() -> None:
    """Serve merchants, phones and customers over HTTP."""
    settings = config.load()
    logs.configure(settings.log_format)
    serving.serve_web(settings)


@click.command()
def sandbox() -> None:
    """Serve the simulated phones, push service and Google Wallet."""
    with opened() as service:
        serving.require_sandbox(service.settings)
        serving.serve_sandbox(service, demo.load(service))
