"""Builds the service out of its parts; the web, the workers, the commands and the tests all use this."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wallet_service import strip
from wallet_service.apple import artwork
from wallet_service.apple.apns import Apns
from wallet_service.apple.identity import Identity, load_identity
from wallet_service.apple.package import SignedPass
from wallet_service.apple.pass_json import OWN_KEYS
from wallet_service.apple.passes import ApplePasses
from wallet_service.config import Settings
from wallet_service.domain.card import Card
from wallet_service.domain.errors import (
    DatabaseUnusable,
    Fault,
    IdentityRefused,
    MailNotSetUp,
    TemplateRefused,
    UnknownTemplate,
    WalletNotServed,
)
from wallet_service.domain.face import Face
from wallet_service.domain.letters import Carrier, Channel
from wallet_service.domain.member import Membership
from wallet_service.domain.pass_class import PassClass
from wallet_service.domain.period import local_day
from wallet_service.domain.program import Program
from wallet_service.domain.reminding import tells
from wallet_service.domain.standing import Movement, Reminder, Standing
from wallet_service.domain.template import Template
from wallet_service.google.service_account import ServiceAccount
from wallet_service.inbound import DIALECTS
from wallet_service.links import CampaignLinks, add_url, letter_url, link_url, short_url, unsubscribe_url
from wallet_service.mail.folder import MailFolder
from wallet_service.mail.postman import Postman
from wallet_service.outbound.courier import Courier
from wallet_service.outbound.gateway import Gateway
from wallet_service.sandbox.chain import make_chain
from wallet_service.storage import deliveries, pipelined, revision, templates
from wallet_service.storage.embedded import Embedded
from wallet_service.storage.members import Found
from wallet_service.storage.programs import Opened
from wallet_service.storage.signing import SigningKey, make_key
from wallet_service.storage.sources import Source
from wallet_service.storage.vault import Vault
from wallet_service.usecases.address_campaign import Addresses
from wallet_service.usecases.admit import prune_counts
from wallet_service.usecases.ask_export import EXPORT, MemberExport
from wallet_service.usecases.ask_import import IMPORT
from wallet_service.usecases.deliver import Delivery
from wallet_service.usecases.dispatch import Dispatch
from wallet_service.usecases.import_members import MemberImport
from wallet_service.usecases.in_force import InForce
from wallet_service.usecases.oversee import prune
from wallet_service.usecases.post import Post, prune_letters
from wallet_service.usecases.remind import ReminderLetters
from wallet_service.usecases.replay import prune_messages
from wallet_service.usecases.reward_referrals import Referrals
from wallet_service.usecases.seal import seal_all
from wallet_service.usecases.send_campaign import CAMPAIGN, CampaignSending
from wallet_service.usecases.settle_due import Calendar, Settled, settled
from wallet_service.usecases.sign_in import prune_sign_ins
from wallet_service.usecases.take_in import Intake
from wallet_service.usecases.unsubscribe import Unsubscribing
from wallet_service.usecases.work_off import WorkOff
from wallet_service.usecases.write_asked import AskedLetters
from wallet_service.wiring.badges import Badge, load_badges
from wallet_service.wiring.files import made_once
from wallet_service.wiring.google import GoogleWallet
from wallet_service.wiring.google_account import open_account

__all__ = ["Found", "Opened", "Service", "Source", "build"]

log = structlog.get_logger(__name__)

MISSING_TABLES = ("42P01", "42703")  # PostgreSQL's codes for an undefined table and an undefined column
SAMPLE_TIME = timedelta(days=70)  # for which the invented member keeps tier and points
MESSAGE_LEASE = timedelta(seconds=90)  # longer than the longest answer, and the looking up of an address before it
LETTER_LEASE = timedelta(minutes=10)  # twice as long as a batch is gone on with; one letter takes a minute or two
SMS_PATIENCE = 15.0  # seconds for a gateway's answer
PUSH_PATIENCE = 15.0  # seconds for one push; several of them must fit into the lease of a batch


class _Undone(Exception):
    """What was tried out is taken back."""


def utc_now() -> datetime:
    """Return the time; this is the one place that reads the clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Service:
    """The parts of one process. Build it with `build`, which lets any part be replaced."""

    settings: Settings
    clock: Callable[[], datetime]
    engine: Engine
    pipelined_engine: Engine
    identity: Identity
    templates: dict[str, Template]
    passes: ApplePasses
    vault: Vault
    secret_key: str
    embedded: Embedded | None
    previous_key: str | None = None
    badges: Mapping[str, Badge] = field(default_factory=dict)
    google_account: ServiceAccount | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a connection on which every statement stands alone: for looking, at half the round trips."""
        with _usable(), self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a connection on which all statements see one moment: for looking at what several questions make up."""
        with _usable(), self.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Open a transaction: it is committed at the end, and rolled back if an error leaves it."""
        with _usable(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def begin_pipelined(self) -> Iterator[Connection]:
        """Open a transaction as `begin` does, in which nobody waits for answers that nobody looks at."""
        with _usable(), pipelined.begin(self.pipelined_engine) as connection:
            yield connection

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Open a connection as `read` does, for the few questions that each request asks: at a fifth of the work."""
        with _usable(), pipelined.look(self.pipelined_engine) as connection:
            yield connection

    @contextmanager
    def trial(self) -> Iterator[Connection]:
        """Open a transaction that is rolled back at its end: what was done in it can be told, and is not done."""
        with suppress(_Undone), self.begin() as tx:
            yield tx
            raise _Undone

    @cached_property
    def in_force(self) -> InForce:
        """The templates with the rules that are in force, which the database knows."""
        return InForce(self.templates, self.read)

    def template(self, name: str) -> Template:
        """Return the template of that name as its files have it; their programme is perhaps not published yet.

        Raises `UnknownTemplate`.
        """
        try:
            return self.templates[name]
        except KeyError:
            known = ", ".join(sorted(self.templates))
            raise UnknownTemplate(f"There is no template {name!r}; there are: {known}.") from None

    def sign(self, member: Membership, template: Template) -> SignedPass:
        """Return the member's card as a signed pass, from memory if this revision was signed before.

        Raises `PassRefused`, or `IdentityRefused` once the certificate has expired.
        """
        face = template.draw(member.standing, member.locale)
        return self.passes.make(
            face,
            member.card,
            art_key=(template.name, template.version, face.stamps),
            art=strip.art(template, face.stamps),
            at=self.clock(),
        )

    @cached_property
    def apns(self) -> Apns:
        """The connection to Apple's push service; one worker's own, never shared between threads."""
        return Apns(
            url=self.settings.push_url,
            certificate_pem=self.identity.certificate_pem,
            key_pem=self.identity.key_pem,
            ca_file=push_authority(self.settings),
            connections=self.settings.apple_apns_connections,
            timeout=PUSH_PATIENCE,
        )

    @cached_property
    def links(self) -> CampaignLinks:
        """What turns links of campaigns into tokens and back."""
        return CampaignLinks(self.secret_key, self.previous_key)

    @cached_property
    def signing_key(self) -> SigningKey:
        """The key that signs heads of the ledger; one that nobody has set is made and kept in the data folder.

        Raises `SettingsRefused`.
        """
        if self.settings.ledger_key:
            return SigningKey(self.settings.ledger_key.get_secret_value().encode())
        return SigningKey(made_once(self.settings.data_folder / "ledger_key.pem", make_key))

    @cached_property
    def intake(self) -> Intake:
        """What takes in what shop systems deliver."""
        return Intake(
            begin=self.begin,
            enter=self.begin_pipelined,
            trial=self.trial,
            in_force=self.in_force,
            vault=self.vault,
            normalisers={name: each.normalise for name, each in DIALECTS.items()},
            pass_type_identifier=self.identity.pass_type_identifier,
            base_url=self.settings.base_url,
            clock=self.clock,
        )

    def prune_deliveries(self) -> int:
        """Drop the bodies of deliveries that nobody needs any more, and return how many."""
        before = self.clock() - timedelta(days=self.settings.inbound_keep_days)
        with self.begin() as tx:
            return deliveries.prune(tx, before=before)

    def seal(self) -> int:
        """Seal all that has been posted, and return how many transactions that were."""
        return seal_all(self.begin, self.signing_key, self.clock)

    def delivery(self) -> Delivery:
        """Return what brings Apple's wallets up to date."""
        return Delivery(
            "apple",
            self.apns,
            self.begin,
            self.clock,
            lease=timedelta(seconds=self.settings.delivery_lease),
            batch=self.settings.delivery_batch,
        )

    @cached_property
    def courier(self) -> Courier:
        """What carries messages to merchants' endpoints."""
        settings = self.settings
        return Courier(
            reach=settings.reach, timeout=float(settings.webhooks_timeout), ca_file=settings.webhooks_ca_file
        )

    @cached_property
    def dispatch(self) -> Dispatch:
        """What sends merchants their messages; one worker's own."""
        most = self.settings.webhooks_at_once
        return Dispatch(self.courier, self.vault, self.begin, self.clock, lease=MESSAGE_LEASE, most=most)

    def prune_messages(self) -> int:
        """Delete messages that were settled long ago, and return how many they were."""
        keep = timedelta(days=self.settings.webhooks_keep_days)
        return prune_messages(self.begin, keep=keep, now=self.clock())

    def check_mail(self) -> None:
        """Make sure that letters by e-mail can be sent; whoever is about to write one asks this first.

        Raises `MailNotSetUp`.
        """
        if not self.settings.mails:
            raise MailNotSetUp("E-mail cannot be sent here. Set WALLET_SMTP_URL and WALLET_MAIL_FROM.")

    @cached_property
    def postman(self) -> Postman | None:
        """What carries letters to the mail server, if there is one; one worker's own."""
        url, settings = self.settings.smtp_url, self.settings
        if url is None:
            return None
        return Postman(url.get_secret_value(), sender=settings.mail_sender, ca_file=settings.smtp_ca_file)

    @cached_property
    def post(self) -> Post | None:
        """What sends letters by e-mail, or lays them down in a sandbox; one worker's own."""
        folder = self.settings.mail_folder
        carrier = MailFolder(folder, sender=self.settings.mail_sender) if folder else self.postman
        if carrier is None:
            return None
        return Post("email", carrier, self.begin, self.vault, self.clock, self.unsubscribe_link, LETTER_LEASE)

    def check_texts(self) -> None:
        """Make sure that short messages can be sent; whoever is about to write one asks this first.

        Raises `MailNotSetUp`.
        """
        if not self.settings.texts:
            raise MailNotSetUp("Short messages cannot be sent here. Set WALLET_SMS_URL and WALLET_SMS_TOKEN.")

    @cached_property
    def texts(self) -> Post | None:
        """What sends short messages, or lays them down in a sandbox; one worker's own."""
        settings = self.settings
        carrier: Carrier | None = None
        if settings.sms_url and settings.sms_token:
            courier = Courier(reach=settings.reach, timeout=SMS_PATIENCE, ca_file=settings.webhooks_ca_file)
            carrier = Gateway(settings.sms_url, token=settings.sms_token.get_secret_value(), courier=courier)
        elif settings.sms_folder:
            carrier = MailFolder(settings.sms_folder, sender=settings.mail_sender)
        if carrier is None:
            return None
        return Post("sms", carrier, self.begin, self.vault, self.clock, self.unsubscribe_link, LETTER_LEASE)

    def unsubscribe_link(self, program_id: int, member_id: int | None, mark: bytes) -> str:
        """Return the address of the page on which whoever has an address wants no more news by it."""
        return unsubscribe_url(self.settings.base_url, self.secret_key, program_id, member_id, mark)

    @cached_property
    def unsubscribing(self) -> Unsubscribing:
        """What takes addresses off that are not to be written to."""
        return Unsubscribing(self.begin, self.in_force, self.vault, self.identity.pass_type_identifier)

    def prune_letters(self) -> int:
        """Delete what became of letters long ago, and return how many they were."""
        return prune_letters(self.begin, keep=timedelta(days=self.settings.mail_keep_days), now=self.clock())

    @cached_property
    def google(self) -> GoogleWallet | None:
        """Google Wallet, if the service is set up for it."""
        if self.google_account is None:
            return None
        return GoogleWallet(
            self.settings, self.google_account, self.in_force, self.begin, self.clock, self.reminder_letters
        )

    @cached_property
    def reminder_letters(self) -> ReminderLetters:
        """What writes to members what triggers remind of, by whatever letters can be sent here."""
        can: dict[Channel, bool] = {"email": self.settings.mails, "sms": self.settings.texts}
        return ReminderLetters(self.vault, frozenset(each for each, good in can.items() if good), self.link)

    def calendar(self) -> Calendar:
        """Return what settles whoever the calendar has work for."""
        return Calendar(self.begin, self.in_force, self.clock, self.reminder_letters)

    def calendars(self) -> list[Callable[[], Settled]]:
        """Return all that time alone brings to do."""
        return [self.calendar().settle, Referrals(self.begin, self.in_force, self.clock).settle]

    def jobs(self) -> WorkOff:
        """Return what works jobs off."""
        members_in = MemberImport(
            self.begin,
            self.begin_pipelined,
            self.read,
            self.in_force,
            self.clock,
            self.vault,
            self.identity.pass_type_identifier,
        )
        members_out = MemberExport(self.begin, self.read, self.in_force, self.clock, self.vault, self.link)
        sending = CampaignSending(self.begin, self.read, self.in_force, self.clock, self.vault, self.addresses)
        lease = timedelta(seconds=self.settings.job_lease)
        kinds = {IMPORT: members_in.piece, EXPORT: members_out.piece, CAMPAIGN: sending.piece}
        return WorkOff(self.begin, self.clock, kinds, lease)

    def asked_letters(self) -> AskedLetters:
        """Return what writes the letters that members have asked for."""

        def link(kind: str, program: str, token: str) -> str:
            return letter_url(self.settings.base_url, kind, program, token)

        return AskedLetters(self.begin, self.vault, self.in_force, link, self.clock)

    def strip_of(self, template: Template, face: Face) -> bytes | None:
        """Return the picture behind the values of a card, as PNG, if it has one."""
        return strip.art(template, face.stamps).get("strip")

    def prune_jobs(self) -> int:
        """Drop what is kept of jobs longer than the settings say, and return how many files that were."""
        return prune(self.begin, keep=timedelta(days=self.settings.job_keep_days), now=self.clock())

    def prune_counts(self) -> int:
        """Drop what was counted of keys and of those who join and is over, and return how much that was."""
        return prune_counts(self.begin, now=self.clock())

    @cached_property
    def addresses(self) -> Addresses:
        """What makes the addresses of links for letters and short messages."""
        return Addresses(
            self.links.token,
            self.links.code,
            partial(link_url, self.settings.base_url),
            partial(short_url, self.settings.base_url),
        )

    def prune_sign_ins(self) -> int:
        """Drop links of letters and sessions that are over, and return how many."""
        return prune_sign_ins(self.begin, now=self.clock())

    def link(self, serial_number: str) -> str:
        """Return the address of the page on which the holder of a card adds it to a wallet."""
        return add_url(self.settings.base_url, self.secret_key, serial_number)

    def settled(self, found: Found) -> Found:
        """Return the card as it may be shown: settled first if the calendar has work in its member's book."""
        return settled(self.begin, self.in_force, found, letters=self.reminder_letters, now=self.clock())

    def google_wallet(self) -> GoogleWallet:
        """Return Google Wallet.

        Raises `WalletNotServed`.
        """
        if self.google is None:
            raise WalletNotServed("Cards are not offered for Google Wallet here. Set WALLET_GOOGLE_SERVICE_ACCOUNT.")
        return self.google

    def classes(self) -> list[PassClass]:
        """Return what vendors hold once for all cards, as it is drawn here."""
        return list(self.google.drawings.classes.values()) if self.google else []

    def close(self) -> None:
        """Let go of the database, and of its server if this process is the last to use it."""
        if self.google:
            self.google.close()
        self.courier.close()
        for post in (self.post, self.texts):
            if post:
                post.carrier.close()
        self.engine.dispose()
        if self.embedded:
            self.embedded.stop()


def build(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    engine: Engine | None = None,
    identity: Identity | None = None,
    loaded: dict[str, Template] | None = None,
    account: ServiceAccount | None = None,
) -> Service:
    """Return the service that the settings describe; what is given is taken as it is, and not looked for.

    Raises `IdentityRefused`, `ServiceAccountRefused`, `TemplateRefused`, `SettingsRefused` or `DatabaseUnusable`, each
    with all its faults.
    """
    now = clock()
    identity = identity or open_identity(settings, now=now)
    passes = ApplePasses(
        identity, web_service_url=f"{settings.base_url}/apple", allow_http=settings.sandbox or settings.local
    )
    if loaded is None:
        loaded = templates.load_all(settings.templates, check_art=artwork.faults)
        for template in loaded.values():
            check_faces(template, passes, now=now)
    secret_key = open_secret_key(settings)
    previous_key = settings.previous_secret_key.get_secret_value() if settings.previous_secret_key else None
    badges = load_badges(settings.badges) if settings.badges else {}
    if account is None and settings.google:
        account = open_account(settings)
    embedded = None
    if engine is None:
        url = settings.database_url.get_secret_value() if settings.database_url else None
        if url is None:
            embedded = Embedded(settings.data_folder / "postgres")
            url = embedded.start()
        engine = open_engine(url)
    return Service(
        settings=settings,
        clock=clock,
        engine=engine,
        pipelined_engine=pipelined.open_engine(engine),
        identity=identity,
        templates=loaded,
        passes=passes,
        vault=Vault(secret_key, previous_key),
        secret_key=secret_key,
        embedded=embedded,
        previous_key=previous_key,
        badges=badges,
        google_account=account,
    )


@contextmanager
def _usable() -> Iterator[None]:
    """Tell of a database that is away, busy, or without our tables as what it is.

    Raises `DatabaseUnusable`.
    """
    try:
        yield
    except (OperationalError, ProgrammingError, PoolTimeout) as error:
        if _is_ours(error):
            raise
        raise _unusable(error) from error


def _is_ours(error: SQLAlchemyError) -> bool:
    """Whether a refused statement is our own fault, and not that of a database that lacks our tables."""
    return isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", "") not in MISSING_TABLES


def _unusable(error: SQLAlchemyError) -> DatabaseUnusable:
    """Return what to tell of a database that is away, busy, or without our tables."""
    hint = "; run `wallet-service migrate`" if isinstance(error, ProgrammingError) else ""
    return DatabaseUnusable(f"The database cannot be used: {type(getattr(error, 'orig', error)).__name__}{hint}.")


def sample_standing(program: Program, now: datetime) -> Standing:
    """Return the standing of an invented member who has some of everything, for looking at a template."""
    day = local_day(now, program.zone)
    tier = program.tier[len(program.tier) // 2] if program.tier else None
    rewards = tuple(each.code for each in program.reward)
    goal = next((each.cost for each in program.reward if each.auto is True and each.cost), None)
    balance = goal * 2 // 3 if goal else 1250
    return Standing(
        balance=balance,
        qualifying=tier.threshold + 60 if tier else 60,
        member_name="Alex Example",
        member_since=now,
        card_code="0" * 16,
        pending=balance // 5,
        tier=tier.code if tier else None,
        tier_until=day + SAMPLE_TIME if tier else None,
        dying=balance // 10 or 1,
        dying_on=day + SAMPLE_TIME,
        member_until=day + SAMPLE_TIME if program.membership else None,
        cause=program.cause[0].code if program.cause else None,
        movements=(Movement(day, balance // 5, "earn"), Movement(day, -1, "redeem"), Movement(day, balance, "earn")),
        rewards=rewards[:2],
        granted=rewards[-1:],
        reminders=tuple(
            Reminder(each.code, day, day + SAMPLE_TIME, now, balance // 10 or 1) for each in tells(program)
        ),
    )


def check_faces(template: Template, passes: ApplePasses, *, now: datetime) -> None:
    """Draw a sample card of the template in each language, as phones would get it.

    Raises `TemplateRefused` with everything that a phone would refuse, so that no member's card has to fail first.
    """
    sample = sample_standing(template.program, now)
    card = Card(0, "0" * 24, "0" * 32, passes.identity.pass_type_identifier, 1, now)
    faults = {
        Fault("pass.toml", fault.key, fault.message)
        for language in template.words
        for fault in passes.faults(template.draw(sample, language), card, art=template.art)
    }
    given = sorted(OWN_KEYS & set(template.look.apple))
    faults |= {Fault("pass.toml", f"apple.{key}", "is the service's own to write; remove it") for key in given}
    if faults:
        raise TemplateRefused(f"The template {template.name} makes cards that phones refuse.", faults)


def open_engine(url: str) -> Engine:
    """Return an engine for a PostgreSQL URL, whichever driver the URL names or leaves out."""
    _, _, rest = url.partition("://")
    return create_engine(
        f"postgresql+psycopg://{rest}",
        pool_size=10,
        max_overflow=20,
        hide_parameters=True,  # they hold tokens and names, and an error's text ends up in logs
        connect_args={"application_name": "wallet_service", "options": "-c timezone=UTC"},
    )


def open_identity(settings: Settings, *, now: datetime) -> Identity:
    """Return the identity that signs passes; in the sandbox, that of a throw-away chain which is made if need be.

    Raises `IdentityRefused`.
    """
    if settings.sandbox:
        folder = sandbox_chain(settings, now=now)
        return load_identity(
            certificate=(folder / "pass_certificate.pem").read_bytes(),
            key=(folder / "pass_key.pem").read_bytes(),
            wwdr=(folder / "wwdr.pem").read_bytes(),
            password=None,
            now=now,
        )
    key = settings.apple_key
    password = settings.apple_key_password
    return load_identity(
        certificate=_material("WALLET_APPLE_CERTIFICATE", settings.apple_certificate or ""),
        key=_material("WALLET_APPLE_KEY", key.get_secret_value()) if key else None,
        wwdr=_material("WALLET_APPLE_WWDR", settings.apple_wwdr or ""),
        password=password.get_secret_value() if password else None,
        now=now,
    )


def open_secret_key(settings: Settings) -> str:
    """Return the service's secret key; the sandbox makes one and keeps it."""
    if settings.secret_key:
        return settings.secret_key.get_secret_value()
    return made_once(settings.data_folder / "secret_key", lambda: secrets.token_urlsafe(48).encode()).decode()


def sandbox_chain(settings: Settings, *, now: datetime) -> Path:
    """Return the folder with the sandbox's certificate chain, made on first use."""
    folder = settings.data_folder / "sandbox"
    if not (folder / "push_server_key.pem").exists():
        log.info("sandbox.chain.made", folder=str(folder))
        make_chain(now).write(folder)
    return folder


def push_authority(settings: Settings) -> Path | None:
    """Return the file with the authority to trust for the push service, or None for the system's."""
    if settings.apple_apns_ca_file or not settings.sandbox:
        return settings.apple_apns_ca_file
    return settings.data_folder / "sandbox" / "push_root.pem"


def tables_current(engine: Engine) -> bool:
    """Whether the database answers and stands at the newest migration."""
    try:
        with engine.connect() as connection:
            return revision.is_current(connection)
    except OperationalError:
        return False


def _material(variable: str, given: str) -> bytes:
    if "-----BEGIN" in given:
        return given.encode()
    try:
        return Path(given).read_bytes()
    except OSError as error:
        raise IdentityRefused("The signing identity cannot be read.", [Fault(variable, "", str(error))]) from None
