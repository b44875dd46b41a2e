"""Settings: read once from the environment, frozen, complete or refused in one message."""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from wallet_service.domain.addresses import LOOPBACK, Reach, networks
from wallet_service.domain.errors import Fault, SettingsRefused
from wallet_service.domain.identity import identity
from wallet_service.domain.outbound import url_fault

log = structlog.get_logger(__name__)

PREFIX = "WALLET_"
SUFFIX = "_FILE"
APPLE_PUSH = "https://api.push.apple.com"
GOOGLE_API = "https://walletobjects.googleapis.com"
GOOGLE_SAVE = "https://pay.google.com/gp/v/save"
GOOGLE_CALLBACK_KEYS = "https://pay.google.com/gp/m/issuer/keys"
SANDBOX_ISSUER = "3388000000000000001"
SANDBOX_SENDER = "cards@sandbox.example"

_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")


def _web_address(url: str) -> str:
    if not _ADDRESS.fullmatch(url) or not urlsplit(url).hostname or urlsplit(url).port == 0:
        raise ValueError("should be an address such as https://cards.example (or http:// on this machine)")
    return url.rstrip("/")


def _networks(given: str) -> str:
    try:
        networks(given)
    except ValueError as error:
        raise ValueError(f"should be networks such as 10.1.0.0/16, fd00::/8: {error}") from None
    return given


def _mail_server(url: SecretStr) -> SecretStr:
    """Return the address of a mail server; what is wrong with it is told without the password."""
    fault = ValueError("should be an address such as smtp://user:password@mail.example:587, or smtps://…")
    try:
        parts = urlsplit(url.get_secret_value())
        named = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0
    except ValueError:
        raise fault from None
    more = parts.path.strip("/") or parts.query or parts.fragment
    if not named or more or bool(parts.username) != bool(parts.password):
        raise fault
    return url


def _mailbox(given: str) -> str:
    _, address = parseaddr(given)
    if identity("email", address) is None or not address.isascii() or not given.isprintable():
        raise ValueError("should be an address such as Shop <cards@shop.example>")
    return given


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


Url = Annotated[str, AfterValidator(_web_address)]


class Settings(BaseModel):
    """Every setting; each is an environment variable `WALLET_<NAME>`, and a secret may be a file instead.

    With no Apple certificate the service runs in its sandbox: it makes itself a throw-away certificate chain, and
    phones would refuse its passes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_folder: Path = Field(Path("var"), description="Where the embedded database and the sandbox keep their files.")
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL, as postgresql://user:password@host/name. Without it, one is started from a wheel.",
    )
    base_url: Url = Field(
        "http://127.0.0.1:8000", description="The public address of this service, as phones and merchants reach it."
    )
    host: str = Field("127.0.0.1", description="The address that `wallet-service web` listens on.")
    port: int = Field(8000, ge=1, le=65535, description="The port that `wallet-service web` listens on.")
    web_processes: int = Field(1, ge=1, le=64, description="Processes of `wallet-service web`.")
    web_threads: int = Field(4, ge=1, le=64, description="Threads in each of them.")
    api_requests_per_second: int = Field(
        50,
        ge=1,
        le=1000,
        description="Requests to the API by one key, at all processes together; ten seconds' at once.",
    )
    join_per_block: int = Field(
        30, ge=1, le=100_000, description="People who may join by the form in an hour from one /24 or /56 of addresses."
    )
    join_per_program: int = Field(
        600, ge=1, le=1_000_000, description="People who may join one programme by the form in an hour."
    )
    join_seconds: int = Field(
        2, ge=0, le=60, description="Seconds that a person needs at least to fill in the form; programs are faster."
    )
    sign_in_per_block: int = Field(
        30, ge=1, le=100_000, description="Links to sign in that may be asked for in an hour from one /24 or /56."
    )
    letters_per_address: int = Field(
        5, ge=1, le=100, description="Letters that strangers may have sent to one address in an hour."
    )
    secret_key: SecretStr | None = Field(
        None, description="Signs links and encrypts webhook secrets. 32 characters or more; the sandbox makes its own."
    )
    previous_secret_key: SecretStr | None = Field(
        None, description="The secret key before this one: still opens links and secrets that were made under it."
    )
    ledger_key: SecretStr | None = Field(
        None, description="Signs heads of the ledger: an Ed25519 private key, PEM. Without it, one is made and kept."
    )
    templates: Path = Field(Path("pass_templates"), description="The folder with one folder for each template.")
    badges: Path | None = Field(
        None,
        description="A folder with the vendors' artwork for their buttons: `apple-en.svg`, `google-cs.png` and so on.",
    )
    trusted_proxies: int = Field(0, ge=0, le=8, description="How many proxies in front add X-Forwarded headers.")
    apple_certificate: str | None = Field(
        None, description="The Pass Type ID certificate: a PEM, DER or .p12 file, or the PEM text itself."
    )
    apple_key: SecretStr | None = Field(None, description="Its private key: a file or PEM text. Not needed with .p12.")
    apple_key_password: SecretStr | None = Field(None, description="The password of the key or of the .p12 file.")
    apple_wwdr: str | None = Field(None, description="Apple's WWDR G4 intermediate certificate: a file or PEM text.")
    apple_apns_url: Url | None = Field(None, description=f"Apple's push service; {APPLE_PUSH} unless in the sandbox.")
    apple_apns_ca_file: Path | None = Field(None, description="Trust this authority for it instead of the system's.")
    apple_apns_connections: int = Field(2, ge=1, le=16, description="HTTP/2 connections of one worker to it.")
    google_issuer_id: Annotated[str, Field(pattern=r"^[0-9]{1,25}$")] | None = Field(
        None, description="The issuer of the Google Pay & Wallet Console, a long number; the sandbox has its own."
    )
    google_service_account: SecretStr | None = Field(
        None, description="The service account's JSON key: a file or the JSON itself. Its token_uri is honoured."
    )
    google_api_url: Url | None = Field(None, description=f"The Wallet API; {GOOGLE_API} unless in the sandbox.")
    google_save_url: Url | None = Field(
        None, description=f"Where save links lead; {GOOGLE_SAVE} unless in the sandbox."
    )
    google_callback_keys_url: Url | None = Field(
        None, description=f"The root keys of callbacks; {GOOGLE_CALLBACK_KEYS} unless in the sandbox."
    )
    google_requests_per_second: int = Field(
        20, ge=1, le=1000, description="Requests to the Wallet API by all processes together; Google admits 20."
    )
    google_timeout: int = Field(15, ge=1, le=60, description="Seconds that an answer of Google's may take.")
    inbound_keep_days: int = Field(
        30, ge=1, le=3650, description="Days for which the bodies of shops' webhooks are kept, encrypted."
    )
    delivery_batch: int = Field(
        1000, ge=1, le=20_000, description="Phones that a worker takes on at once; of Google's cards it takes 20."
    )
    delivery_lease: int = Field(
        90,
        ge=1,
        le=3600,
        description="Seconds after which another worker takes over from a dead one; for Google a request more.",
    )
    job_lease: int = Field(
        60, ge=1, le=3600, description="Seconds after which another worker takes over a job from a dead one."
    )
    job_keep_days: int = Field(
        30, ge=1, le=3650, description="Days that rows which an import refused, and files of failed ones, are kept."
    )
    import_megabytes: int = Field(100, ge=1, le=10_000, description="The largest file of members that is taken.")
    webhooks_allow_private: Annotated[str, AfterValidator(_networks)] | None = Field(
        None,
        description="Private networks, by commas, that webhooks may go to, also without TLS; loopback in a sandbox.",
    )
    webhooks_ca_file: Path | None = Field(
        None, description="Trust this authority for merchants' endpoints instead of the system's."
    )
    webhooks_timeout: int = Field(15, ge=1, le=30, description="Seconds that an endpoint's answer may take.")
    webhooks_at_once: int = Field(
        8, ge=1, le=32, description="Messages that a worker has under way to one endpoint at once."
    )
    webhooks_keep_days: int = Field(
        30, ge=1, le=3660, description="Days after which messages that were delivered or given up are deleted."
    )
    smtp_url: Annotated[SecretStr, AfterValidator(_mail_server)] | None = Field(
        None,
        description="The mail server: smtp://user:password@host:587 (STARTTLS) or smtps://… (TLS from the beginning).",
    )
    smtp_ca_file: Path | None = Field(None, description="Trust this authority for it instead of the system's.")
    mail_from: Annotated[str, AfterValidator(_mailbox)] | None = Field(
        None, description="The sender of letters: cards@shop.example, or Shop <cards@shop.example>."
    )
    mail_keep_days: int = Field(
        30, ge=1, le=3660, description="Days for which it is kept what became of letters; their text goes once sent."
    )
    sms_url: Url | None = Field(
        None, description='The gateway of short messages: it is posted {"id", "to", "text"} as JSON, with the token.'
    )
    sms_token: SecretStr | None = Field(None, description="The gateway's bearer token.")
    sandbox_port: int = Field(8001, ge=0, le=65535, description="The simulated phone's page, in the sandbox.")
    sandbox_apns_port: int = Field(8002, ge=0, le=65535, description="The simulated push service, in the sandbox.")
    sandbox_google_port: int = Field(8003, ge=0, le=65535, description="The simulated Google Wallet, in the sandbox.")
    log_format: Annotated[str, Field(pattern="^(console|json)$")] = Field(
        "console", description="`console` for people, `json` for machines."
    )

    @property
    def sandbox(self) -> bool:
        """Whether there is no Apple certificate, so that the service signs with a throw-away chain."""
        return self.apple_certificate is None

    @property
    def local(self) -> bool:
        """Whether the public address is this very machine, so that no stranger can reach it."""
        return _is_here(self.base_url)

    @property
    def reach(self) -> Reach:
        """How far webhooks may go; a sandbox that no stranger reaches may call upon its own machine."""
        if self.webhooks_allow_private is not None:
            return Reach(networks(self.webhooks_allow_private))
        return Reach(LOOPBACK if self.sandbox and self.local else ())

    @property
    def mails(self) -> bool:
        """Whether letters can be sent, or in a sandbox at least be looked at."""
        return self.smtp_url is not None or self.sandbox

    @property
    def texts(self) -> bool:
        """Whether short messages can be sent, or in a sandbox at least be looked at."""
        return self.sms_url is not None or self.sandbox

    @property
    def mail_folder(self) -> Path | None:
        """The folder in which a sandbox without a mail server lays letters down; None where they are sent."""
        return self.data_folder / "mail" if self.sandbox and self.smtp_url is None else None

    @property
    def sms_folder(self) -> Path | None:
        """The folder in which a sandbox without a gateway lays short messages down; None where they are sent."""
        return self.data_folder / "mail" if self.sandbox and self.sms_url is None else None

    @property
    def mail_sender(self) -> str:
        """Whom letters come from."""
        return self.mail_from or SANDBOX_SENDER

    @property
    def push_url(self) -> str:
        """The address of the push service."""
        if self.apple_apns_url:
            return self.apple_apns_url
        return f"https://127.0.0.1:{self.sandbox_apns_port}" if self.sandbox else APPLE_PUSH

    @property
    def apple(self) -> bool:
        """Whether the passes that are signed here open on a phone: a real one, or the sandbox's on this machine."""
        return not self.sandbox or self.google_service_account is None or self.local

    @property
    def google_sandbox(self) -> bool:
        """Whether the service speaks to the sandbox's own Google Wallet."""
        return self.sandbox and self.google_service_account is None

    @property
    def google(self) -> bool:
        """Whether cards are offered for Google Wallet at all."""
        return self.google_sandbox or self.google_service_account is not None

    @property
    def issuer_id(self) -> str:
        """The issuer of Google Wallet's cards."""
        return self.google_issuer_id or SANDBOX_ISSUER

    @property
    def wallet_api_url(self) -> str:
        """The address of Google's Wallet API."""
        return self.google_api_url or (self.sandbox_google_url if self.google_sandbox else GOOGLE_API)

    @property
    def save_url(self) -> str:
        """Where the links behind "Add to Google Wallet" lead."""
        return self.google_save_url or (f"{self.sandbox_google_url}/save" if self.google_sandbox else GOOGLE_SAVE)

    @property
    def callback_keys_url(self) -> str:
        """Where the root keys are published that sign Google's callbacks."""
        ours = f"{self.sandbox_google_url}/keys" if self.google_sandbox else GOOGLE_CALLBACK_KEYS
        return self.google_callback_keys_url or ours

    @property
    def sandbox_google_url(self) -> str:
        """The address of the sandbox's Google."""
        return f"http://127.0.0.1:{self.sandbox_google_port}"

    @model_validator(mode="after")
    def _complete(self) -> "Settings":
        faults = list(self._faults())
        if faults:
            raise SettingsRefused("The settings are not complete.", faults)
        return self

    def _faults(self) -> list[Fault]:
        faults = []
        if self.secret_key and len(self.secret_key.get_secret_value()) < 32:
            faults.append(Fault("WALLET_SECRET_KEY", "", "is too short; use 32 random characters or more"))
        if self.previous_secret_key and not self.secret_key:
            faults.append(Fault("WALLET_SECRET_KEY", "", "is missing beside the previous one"))
        if not self.sandbox and not self.apple_wwdr:
            faults.append(Fault("WALLET_APPLE_WWDR", "", "is needed beside WALLET_APPLE_CERTIFICATE; use WWDR G4"))
        if not self.sandbox and not self.local:
            if not self.secret_key:
                faults.append(Fault("WALLET_SECRET_KEY", "", "is needed outside the sandbox; use 32 random characters"))
            if not self.base_url.startswith("https://"):
                faults.append(Fault("WALLET_BASE_URL", "", "must be https outside the sandbox; phones ignore http"))
        if self.smtp_url and not self.mail_from:
            faults.append(Fault("WALLET_MAIL_FROM", "", "is needed beside WALLET_SMTP_URL; say whom letters come from"))
        if self.sms_url and not self.sms_token:
            faults.append(Fault("WALLET_SMS_TOKEN", "", "is needed beside WALLET_SMS_URL; the gateway gives it"))
        if self.sms_url and (said := url_fault(self.sms_url, self.reach)):
            faults.append(Fault("WALLET_SMS_URL", "", said))
        faults += self._google_faults()
        if self.sandbox and (self.apple_key or self.apple_wwdr):
            faults.append(Fault("WALLET_APPLE_CERTIFICATE", "", "is missing beside the key or WWDR certificate given"))
        return faults

    def _google_faults(self) -> list[Fault]:
        faults = []
        at_googles = self.google_api_url is None or not _is_here(self.google_api_url)
        if self.google_service_account and not self.google_issuer_id and (at_googles or not self.local):
            message = "is needed beside WALLET_GOOGLE_SERVICE_ACCOUNT; copy it from the Google Pay & Wallet Console"
            faults.append(Fault("WALLET_GOOGLE_ISSUER_ID", "", message))
        if self.google_service_account and not self.local:
            if not self.base_url.startswith("https://"):
                message = "must be https for Google, which fetches pictures and calls back"
                faults.append(Fault("WALLET_BASE_URL", "", message))
            if self.sandbox and not self.secret_key:
                faults.append(Fault("WALLET_SECRET_KEY", "", "is needed outside the sandbox; use 32 random characters"))
        half = (self.google_issuer_id and not self.sandbox) or (self.google_api_url and at_googles)
        if half and not self.google_service_account:
            message = "is missing beside the Google settings given"
            faults.append(Fault("WALLET_GOOGLE_SERVICE_ACCOUNT", "", message))
        return faults

    def shown(self) -> dict[str, str]:
        """Return every setting as text, secrets starred out, for the log; a PEM text may hold a key, so it is one."""
        texts = {name: str(value) for name, value in self if value is not None}
        return {name: "**********" if "-----BEGIN" in text else text for name, text in texts.items()}


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of the environment.

    Raises `SettingsRefused` that names every variable that is missing, misspelt or wrong.
    """
    given = os.environ if environment is None else environment
    values, faults = _values({name: value for name, value in given.items() if name.startswith(PREFIX) and value})
    settings, more = _checked(values)
    if settings is None or faults:
        raise SettingsRefused("The settings cannot be used.", faults + more)
    return settings


def _checked(values: dict[str, str]) -> tuple[Settings | None, list[Fault]]:
    """Return the settings, or None and all that is wrong: with single values, and with how the others go together."""
    try:
        return Settings.model_validate(values), []
    except SettingsRefused as refused:
        return None, list(refused.faults)
    except ValidationError as error:
        wrong = {str(each["loc"][0]): str(each["msg"]) for each in error.errors(include_url=False)}
    _, faults = _checked({name: value for name, value in values.items() if name not in wrong})
    faults += [
        Fault(PREFIX + name.upper(), "", message.removeprefix("Value error, ")) for name, message in wrong.items()
    ]
    return None, faults


def secret_names() -> set[str]:
    """Return the settings that may come as a file: `WALLET_<NAME>_FILE` holds the path of one with the secret."""
    return {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}


def _values(found: Mapping[str, str]) -> tuple[dict[str, str], list[Fault]]:
    values: dict[str, str] = {}
    faults: list[Fault] = []
    for variable, value in sorted(found.items()):
        name = variable.removeprefix(PREFIX).lower()
        secret = name.removesuffix(SUFFIX.lower())
        if name in Settings.model_fields:
            values[name] = value
        elif name.endswith(SUFFIX.lower()) and secret in secret_names():
            if PREFIX + secret.upper() in found:
                faults.append(Fault(variable, "", f"is set beside {PREFIX}{secret.upper()}; keep one of them"))
            try:
                values[secret] = Path(value).read_text().strip()
            except (OSError, ValueError) as error:
                faults.append(Fault(variable, "", f"cannot be read: {error}"))
            if values.get(secret) == "":
                faults.append(Fault(variable, "", f"names {value}, which is empty"))
        else:
            faults += _unknown(variable)
    return values, faults


def _unknown(variable: str) -> list[Fault]:
    """Refuse a name that is nearly a setting's; another one is somebody else's and only worth a line in the log."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    near = get_close_matches(
        variable, [*known, *(f"{PREFIX}{name.upper()}{SUFFIX}" for name in secret_names())], 1, 0.8
    )
    if near:
        return [Fault(variable, "", f"is not a setting; did you mean {near[0]}?")]
    log.warning("settings.ignored", variable=variable, hint="the README has a table of all settings")
    return []
