"""The command `wallet-service`."""

import click

from wallet_service.cli.commands import Commands

PLACES = {
    "api": "remote:call_api",
    "campaign": "campaign:campaign",
    "card": "cards:show_card",
    "device-log": "cards:device_log",
    "doctor": "examining:examine",
    "drift": "cards:drift",
    "export": "bulk:export",
    "funnel": "funnel:funnel",
    "import": "bulk:import_members",
    "inbound": "inbound:inbound_group",
    "job": "bulk:job_group",
    "key": "keys:key",
    "ledger": "books:ledger",
    "link": "link:link",
    "mail": "mail:mail",
    "member": "member:member_group",
    "merchant": "keys:merchant",
    "migrate": "migrating:migrate_tables",
    "partner": "points:partner_group",
    "pass": "cards:write_pass",
    "points": "points:points",
    "poster": "link:poster",
    "program": "program:program",
    "publish": "cards:publish",
    "reconcile": "examining:reconcile",
    "revoke": "cards:revoke",
    "reward": "reward:reward",
    "run": "running:run",
    "sandbox": "running:sandbox",
    "settle": "working:settle_members",
    "source": "source:source",
    "statement": "books:statement",
    "template": "template:template",
    "till": "remote:till",
    "web": "running:web",
    "webhook": "webhooks:webhook",
    "worker": "working:work",
}


@click.group(cls=Commands, places=PLACES)
@click.version_option(package_name="wallet-service")
def main() -> None:
    """Loyalty cards in Apple Wallet and Google Wallet that show what the ledger says.

    \b
    Try it without any account:   wallet-service run
    """
