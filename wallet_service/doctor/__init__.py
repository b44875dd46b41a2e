"""What is wrong with this installation, in plain words."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import requests

from wallet_service.config import Settings
from wallet_service.doctor import google
from wallet_service.doctor.finding import Finding
from wallet_service.domain.errors import WalletError
from wallet_service.domain.letters import Channel
from wallet_service.domain.reminding import letters_of
from wallet_service.storage import audit, calendar, endpoints, jobs, messages, programs, sources, wallets
from wallet_service.usecases.publish_program import differs
from wallet_service.wiring import Service, tables_current

FEW = 3  # differences in the ledger, and failed jobs, to name; other commands name them all
SOON = 30  # days before the end of a certificate; Apple gives no grace
PATIENCE = 5  # seconds for our own public address to answer
SETTING: dict[Channel, str] = {
    "email": "WALLET_SMTP_URL and WALLET_MAIL_FROM",
    "sms": "WALLET_SMS_URL and WALLET_SMS_TOKEN",
}


def examine(open_service: Callable[[], Service], settings: Settings) -> Iterator[Finding]:
    """Yield findings, from the settings to the vendors; later ones need the earlier ones to be good."""
    yield from _address(settings)
    try:
        service = open_service()
    except WalletError as error:
        yield Finding("wrong", type(error).__name__, str(error))
        return
    now = service.clock()
    yield Finding("good", "templates", ", ".join(sorted(service.templates)))
    yield from _certificates(service, now)
    good = tables_current(service.engine)
    if good:
        yield from _database(service)
        yield from _sources(service)
        yield from _endpoints(service)
        yield from _jobs(service, now)
        yield from _rules(service)
    else:
        yield Finding("wrong", "database", "does not answer or lacks tables; run `wallet-service migrate`")
    yield _push(service)
    yield _mail(service)
    yield from _texts(service)
    if good:
        yield from _reminders(service)
        yield from google.examine(service)


def _address(settings: Settings) -> Iterator[Finding]:
    if settings.sandbox:
        yield Finding("mind", "sandbox", "no WALLET_APPLE_CERTIFICATE is set: real phones refuse these passes")
    if settings.local:
        yield Finding(
            "mind", "address", f"{settings.base_url} is this machine only; phones need a public https address"
        )
    try:
        answer = requests.get(f"{settings.base_url}/healthz", timeout=PATIENCE)
    except (OSError, requests.RequestException):
        yield Finding("mind", "address", f"{settings.base_url} does not answer; is `wallet-service web` running?")
        return
    good = answer.status_code == 200
    text = f"{settings.base_url} answers" if good else f"{settings.base_url}/healthz answers {answer.status_code}"
    yield Finding("good" if good else "wrong", "address", text)


def _certificates(service: Service, now: datetime) -> Iterator[Finding]:
    identity = service.identity
    nfc = ", may sign NFC passes" if identity.nfc else ""
    yield Finding("good", "identity", f"{identity.pass_type_identifier}, team {identity.team_identifier}{nfc}")
    for about, end in (
        ("certificate", identity.not_after),
        ("WWDR certificate", identity.wwdr.not_valid_after_utc),
    ):
        days = (end - now).days
        text = f"ends on {end:%Y-%m-%d}, in {days} days"
        hint = "" if days > SOON else "; make a new one now, for the same pass type, and replace it without haste"
        yield Finding("good" if days > SOON else "mind", about, text + hint)


def _database(service: Service) -> Iterator[Finding]:
    with service.begin() as tx:
        version = tx.exec_driver_sql("SHOW server_version").scalar_one()
        wrong = audit.balances(tx, most=FEW)
        total = audit.grand_total(tx)
        tally = wallets.tally(tx)
        stops = wallets.stops(tx)
        delayed = calendar.delayed(tx, most=5)
    yield Finding("good", "database", f"PostgreSQL {version}, all migrations applied")
    if wrong:
        yield Finding("wrong", "ledger", f"{'; '.join(map(str, wrong))}; see `wallet-service ledger verify`")
    elif total:
        yield Finding("wrong", "ledger", f"all entries sum to {total} and not to zero")
    else:
        yield Finding("good", "ledger", "every balance is the sum of its entries, and all entries sum to zero")
    for stop in stops:
        since = f"{stop.since:%Y-%m-%d %H:%M} UTC"
        yield Finding("wrong", f"{stop.platform} delivery", f"stopped since {since}: {stop.reason}")
    for member in delayed:
        text = f"{member.public_id} cannot be settled: attempt {member.attempts} failed ({member.reason})"
        yield Finding("wrong", "calendar", text)
    behind = f"{tally.cards} cards, {tally.wallets} wallets, {tally.unsent} waiting to be told"
    yield Finding("good", "delivery", behind)


def _sources(service: Service) -> Iterator[Finding]:
    """Each source needs a secret that opens, and a template that is loaded, or every event of it fails."""
    with service.read() as tx:
        found = sources.every(tx)
    for source in found:
        try:
            source.secrets(service.vault)
            service.template(source.template)
        except WalletError as error:
            yield Finding("wrong", f"source {source.name}", str(error))


def _endpoints(service: Service) -> Iterator[Finding]:
    """Merchants' endpoints that are sent nothing any more, or whose secrets do not open."""
    with service.read() as tx:
        found = endpoints.every(tx)
        tally = messages.tally(tx)
    for each in found:
        about = f"endpoint {each.public_id}"
        try:
            each.secrets(service.vault, now=service.clock())
        except WalletError as error:
            yield Finding("wrong", about, str(error))
        if each.state != "active":
            since = f"{each.stopped_at:%Y-%m-%d %H:%M} UTC"
            hint = f"`wallet-service webhook enable {each.public_id}` sends it messages again"
            yield Finding("mind", about, f"{each.state} since {since}: {each.reason}; {hint}")
    if tally.dead:
        text = f"{tally.dead} messages were given up; see `wallet-service webhook dead`"
        yield Finding("mind", "dead letters", text)


def _jobs(service: Service, now: datetime) -> Iterator[Finding]:
    """Jobs that have failed and are still kept: what they had not done is not done."""
    since = now - timedelta(days=service.settings.job_keep_days)
    with service.read() as tx:
        found = jobs.failed(tx, since=since, most=FEW)
        number = jobs.tally(tx, since=since).get("failed", 0)
    for each in found:
        hint = f"see `wallet-service job show {each.public_id}`"
        text = f"{each.kind} failed after {each.done:,} of {each.total:,} rows: {each.last_error}; {hint}"
        yield Finding("mind", f"job {each.public_id}", text)
    if number > len(found):
        yield Finding("mind", "jobs", f"{number - len(found):,} more have failed; see `wallet-service job list`")


def _rules(service: Service) -> Iterator[Finding]:
    """Which rules are in force is the database's truth; files that say otherwise are perhaps not published yet."""
    with service.read() as tx:
        found = programs.every(tx)
    for each in found:
        if each.template not in service.templates:
            continue
        try:
            present = service.in_force.of_program(each)
        except WalletError as error:
            yield Finding("wrong", f"rules of {each.template}", str(error))
            continue
        if each.version == 0 or differs(service.templates[each.template], present):
            what = (
                f"version {each.version} is in force, and program.toml says otherwise"
                if each.version
                else "no version is published"
            )
            hint = f"run `wallet-service program publish {each.template}`"
            yield Finding("mind", f"rules of {each.template}", f"{what}; {hint}")


def _push(service: Service) -> Finding:
    fault = service.apns.probe(service.identity.pass_type_identifier)
    url = service.settings.push_url
    if fault is None:
        return Finding("good", "push service", f"{url} accepts the certificate and the topic")
    return Finding("wrong", "push service", f"{url}: {fault}")


def _mail(service: Service) -> Finding:
    if service.postman:
        fault = service.postman.probe()
        where = f"{service.postman.host}:{service.postman.port}"
        text = f"{where}: {fault.reason}" if fault else f"{where} takes letters from {service.settings.mail_sender}"
        return Finding("wrong" if fault else "good", "mail server", text)
    folder = service.settings.mail_folder
    if folder:
        return Finding("mind", "mail server", f"none is set (WALLET_SMTP_URL); letters are laid into {folder}")
    closed = sorted(each.name for each in service.templates.values() if each.look.join and each.look.join.verify)
    if closed:
        text = f"none is set (WALLET_SMTP_URL), but {', '.join(closed)} verifies addresses: nobody can join by its form"
        return Finding("wrong", "mail server", text)
    return Finding("mind", "mail server", "none is set (WALLET_SMTP_URL); letters cannot be sent")


def _texts(service: Service) -> Iterator[Finding]:
    """A gateway cannot be asked without sending something; what stops it is told with all that is stopped."""
    if service.settings.sms_url:
        yield Finding("good", "short messages", f"go to {urlsplit(service.settings.sms_url).netloc}")


def _reminders(service: Service) -> Iterator[Finding]:
    """Rules in force that promise letters by a way that is not set up here: their triggers fire without."""
    with service.read() as tx:
        found = programs.every(tx)
    for each in found:
        try:
            rules = service.in_force.of_program(each).program
        except WalletError:  # which is told with the rules
            continue
        wanted = {channel for trigger in rules.trigger for channel in letters_of(trigger)}
        for channel in sorted(wanted - service.reminder_letters.channels):
            text = (
                f'{each.template} has triggers with `notify = ["{channel}"]`, which nobody gets: set {SETTING[channel]}'
            )
            yield Finding("wrong", f"reminders by {channel}", text)
