"""Settings come from the environment alone, are complete or refused in one message, and keep their secrets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from pydantic import ValidationError

from wallet_service import config
from wallet_service.config import APPLE_PUSH, PREFIX, Settings
from wallet_service.domain.addresses import LOOPBACK, Reach, networks
from wallet_service.domain.errors import SettingsRefused

KEY = "k" * 32
NEEDED_BESIDE = {
    "WALLET_GOOGLE_ISSUER_ID",
    "WALLET_GOOGLE_SERVICE_ACCOUNT",
    "WALLET_APPLE_CERTIFICATE",
    "WALLET_APPLE_WWDR",
    "WALLET_SECRET_KEY",
    "WALLET_BASE_URL",
    "WALLET_MAIL_FROM",
    "WALLET_SMS_TOKEN",
    "WALLET_SMS_URL",
}
APPLE = {"WALLET_APPLE_CERTIFICATE": "pass.pem", "WALLET_APPLE_WWDR": "wwdr.pem"}
EXAMPLES: dict[str, tuple[str, Any]] = {
    "data_folder": ("/srv/wallet", Path("/srv/wallet")),
    "database_url": ("postgresql://u:p@db/wallet", "postgresql://u:p@db/wallet"),
    "base_url": ("https://cards.example/shop/", "https://cards.example/shop"),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("9000", 9000),
    "web_processes": ("4", 4),
    "web_threads": ("8", 8),
    "api_requests_per_second": ("100", 100),
    "join_per_block": ("10", 10),
    "join_per_program": ("5000", 5000),
    "join_seconds": ("4", 4),
    "sign_in_per_block": ("10", 10),
    "letters_per_address": ("3", 3),
    "secret_key": (KEY, KEY),
    "previous_secret_key": (KEY[::-1], KEY[::-1]),
    "ledger_key": ("/srv/ledger.pem", "/srv/ledger.pem"),
    "templates": ("/srv/templates", Path("/srv/templates")),
    "badges": ("/srv/badges", Path("/srv/badges")),
    "trusted_proxies": ("1", 1),
    "apple_certificate": ("pass.pem", "pass.pem"),
    "apple_key": ("pass.key", "pass.key"),
    "apple_key_password": ("pass word", "pass word"),
    "apple_wwdr": ("wwdr.pem", "wwdr.pem"),
    "apple_apns_url": ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
    "apple_apns_ca_file": ("/srv/root.pem", Path("/srv/root.pem")),
    "apple_apns_connections": ("3", 3),
    "google_issuer_id": ("3388000000022000001", "3388000000022000001"),
    "google_service_account": ("account.json", "account.json"),
    "google_api_url": ("http://127.0.0.1:8443/", "http://127.0.0.1:8443"),
    "google_save_url": ("http://127.0.0.1:8443/save", "http://127.0.0.1:8443/save"),
    "google_callback_keys_url": ("http://127.0.0.1:8443/keys", "http://127.0.0.1:8443/keys"),
    "google_requests_per_second": ("10", 10),
    "google_timeout": ("5", 5),
    "delivery_batch": ("500", 500),
    "delivery_lease": ("120", 120),
    "inbound_keep_days": ("14", 14),
    "job_lease": ("30", 30),
    "job_keep_days": ("7", 7),
    "import_megabytes": ("500", 500),
    "webhooks_allow_private": ("10.1.0.0/16", "10.1.0.0/16"),
    "webhooks_ca_file": ("/srv/root.pem", Path("/srv/root.pem")),
    "webhooks_timeout": ("5", 5),
    "webhooks_at_once": ("4", 4),
    "webhooks_keep_days": ("7", 7),
    "smtp_url": ("smtp://user:pass%40word@mail.example:587", "smtp://user:pass%40word@mail.example:587"),
    "smtp_ca_file": ("/srv/root.pem", Path("/srv/root.pem")),
    "mail_from": ("Shop <cards@shop.example>", "Shop <cards@shop.example>"),
    "mail_keep_days": ("7", 7),
    "sms_url": ("https://sms.example/messages", "https://sms.example/messages"),
    "sms_token": ("t" * 20, "t" * 20),
    "sandbox_port": ("0", 0),
    "sandbox_apns_port": ("0", 0),
    "sandbox_google_port": ("0", 0),
    "log_format": ("json", "json"),
}
SECRETS = (
    *("apple_key", "apple_key_password", "database_url", "google_service_account", "ledger_key"),
    *("previous_secret_key", "secret_key", "sms_token", "smtp_url"),
)


def plain(value: Any) -> Any:
    """Return a setting's value, a secret in clear."""
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


def refused(environment: Mapping[str, str]) -> list[str]:
    """Return the variables that the settings are refused for, and check that the message names each."""
    with pytest.raises(SettingsRefused) as error:
        config.load(environment)
    places = [each.place for each in error.value.faults]
    assert all(f"  {place}: " in str(error.value) for place in places)
    return places


def whole(**more: str) -> dict[str, str]:
    """Return an environment with every setting in it."""
    return {f"{PREFIX}{name.upper()}": text for name, (text, _) in EXAMPLES.items()} | more


def test_without_any_variable_there_is_a_sandbox() -> None:
    """The defaults are complete: a local sandbox with an embedded database."""
    settings = config.load({})
    assert (settings.sandbox, settings.local, settings.database_url) == (True, True, None)
    assert settings.push_url == "https://127.0.0.1:8002"


def test_an_empty_environment_is_not_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given is read and nothing else; the process's own environment only if nothing is given."""
    monkeypatch.setenv("WALLET_PORT", "9999")
    assert config.load({}).port == 8000
    assert config.load().port == 9999


def test_every_setting_is_a_variable() -> None:
    """Each setting of the model comes from `WALLET_` and its name, and all of them can be given together."""
    settings = config.load(whole())
    assert {name: plain(value) for name, value in settings} == {name: value for name, (_, value) in EXAMPLES.items()}


def test_every_setting_says_what_it_is_for() -> None:
    """Each setting has a description, a sentence with its full stop."""
    descriptions = [each.description or "" for each in Settings.model_fields.values()]
    assert all(each.endswith(".") and len(each) > 10 for each in descriptions)


def test_webhooks_reach_nothing_private_but_in_a_sandbox() -> None:
    """Loopback is allowed where no stranger reaches the service, and else only what is named."""
    assert config.load({}).reach == Reach(LOOPBACK)
    assert config.load({"WALLET_BASE_URL": "https://cards.example"}).reach == Reach()
    assert config.load({"WALLET_WEBHOOKS_ALLOW_PRIVATE": "10.1.0.0/16"}).reach == Reach(networks("10.1.0.0/16"))
    assert config.load(whole()).reach == Reach(networks("10.1.0.0/16"))
    assert refused({"WALLET_WEBHOOKS_ALLOW_PRIVATE": "true"}) == ["WALLET_WEBHOOKS_ALLOW_PRIVATE"]


def test_variables_of_others_are_left_alone() -> None:
    """Only names with our prefix are read."""
    assert config.load({"PORT": "1", "WALLETS": "x", "MY_WALLET_PORT": "x", "wallet_port": "x"}) == config.load({})


def test_an_empty_variable_is_none() -> None:
    """A variable set to nothing counts as not set, as compose files leave them."""
    assert config.load({"WALLET_PORT": "", "WALLET_SECRET_KEY": "", "WALLET_UNKNOWN": ""}).port == 8000


@pytest.mark.parametrize(
    "variable",
    ["WALLET_PROT", "WALLET_BASE_URL_FILE", "WALLET_PORT_FILE", "WALLET_APPLE_WWRD", "WALLET_SECRET_KEY_FILE_FILE"],
)
def test_a_misspelt_variable_is_refused(variable: str) -> None:
    """A name that is nearly a setting's is not silently ignored, nor is a file for what is no secret."""
    assert refused({variable: "1"}) == [variable]


@pytest.mark.parametrize("variable", ["WALLET_", "WALLET__FILE", "WALLET_TEST_BROWSER", "WALLET_SIZE_OF_MY_OWN"])
def test_somebody_elses_variable_is_left_alone(variable: str) -> None:
    """A name with our prefix that resembles no setting does not keep the service from starting."""
    assert config.load({variable: "1"}) == config.load({})


def test_secrets_are_the_settings_that_hide_themselves() -> None:
    """Exactly the settings that are kept secret may come as files."""
    assert config.secret_names() == set(SECRETS)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_be_a_file(tmp_path: Path, name: str) -> None:
    """With `_FILE` the variable names a file, and spaces and the line's end around the secret go."""
    text, value = EXAMPLES[name]
    file = tmp_path / "secret"
    file.write_text(f" {text}\n")
    environment = {key: each for key, each in whole().items() if key != PREFIX + name.upper()}
    settings = config.load(environment | {f"{PREFIX}{name.upper()}_FILE": str(file)})
    assert plain(getattr(settings, name)) == value


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_and_its_file_together_are_refused(tmp_path: Path, name: str) -> None:
    """Which of the two counts is not guessed, even where they agree."""
    file = tmp_path / "secret"
    file.write_text(EXAMPLES[name][0])
    variable = f"{PREFIX}{name.upper()}_FILE"
    assert refused(whole(**{variable: str(file)})) == [variable]


@pytest.mark.parametrize("content", [b"", b" \n\t\n", b"\xff\xfe\x00", None])
@pytest.mark.parametrize("name", ["secret_key", "database_url"])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    """An empty, unreadable or missing file is a fault, never the same as no setting."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    variable = f"{PREFIX}{name.upper()}_FILE"
    assert refused({variable: str(file)}) == [variable]


@pytest.mark.parametrize("path", [".", "\0", "x" * 5000])
def test_a_path_that_is_no_file_is_refused(path: str) -> None:
    """Folders, and paths that no system takes, are told like a missing file."""
    assert refused({"WALLET_SECRET_KEY_FILE": path}) == ["WALLET_SECRET_KEY_FILE"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "0"),
        ("port", "65536"),
        ("port", "http"),
        ("web_processes", "0"),
        ("web_threads", "-1"),
        ("api_requests_per_second", "0"),
        ("join_per_block", "0"),
        ("join_per_program", "0"),
        ("join_seconds", "61"),
        ("sign_in_per_block", "0"),
        ("letters_per_address", "101"),
        ("trusted_proxies", "9"),
        ("log_format", "xml"),
        ("apple_apns_connections", "1.5"),
        ("secret_key", "short"),
        ("base_url", "cards.example"),
        ("base_url", "ftp://cards.example"),
        ("base_url", "https://"),
        ("base_url", "https:///cards"),
        ("base_url", "https://:443"),
        ("base_url", "https://cards example"),
        ("base_url", "https://cards.example\n"),
        ("base_url", "https://cards.example/?a=b"),
        ("base_url", "https://cards.example/#top"),
        ("base_url", "https://user:password@cards.example"),
        ("base_url", "https://cards.example:99999"),
        ("base_url", "https://[::1"),
        ("apple_apns_url", "api.push.apple.com"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(name: str, value: str) -> None:
    """Each value that cannot be used is refused, alone and also beside a real certificate."""
    variable = PREFIX + name.upper()
    assert refused({variable: value}) == [variable]
    assert refused(whole(**{variable: value})) == [variable]


@pytest.mark.parametrize(
    ("environment", "variables"),
    [
        (APPLE, []),
        ({"WALLET_APPLE_CERTIFICATE": "x"}, ["WALLET_APPLE_WWDR"]),
        ({"WALLET_APPLE_WWDR": "x"}, ["WALLET_APPLE_CERTIFICATE"]),
        ({"WALLET_APPLE_KEY": "x"}, ["WALLET_APPLE_CERTIFICATE"]),
        (APPLE | {"WALLET_BASE_URL": "https://cards.example"}, ["WALLET_SECRET_KEY"]),
        (APPLE | {"WALLET_BASE_URL": "http://cards.example", "WALLET_SECRET_KEY": KEY}, ["WALLET_BASE_URL"]),
        (APPLE | {"WALLET_BASE_URL": "http://cards.example"}, ["WALLET_BASE_URL", "WALLET_SECRET_KEY"]),
        (APPLE | {"WALLET_BASE_URL": "https://cards.example", "WALLET_SECRET_KEY": KEY}, []),
        ({"WALLET_BASE_URL": "http://cards.example"}, []),
    ],
)
def test_settings_must_go_together(environment: dict[str, str], variables: list[str]) -> None:
    """A real certificate needs its intermediate, and, where strangers reach it, https and a secret key."""
    if variables:
        assert refused(environment) == variables
    else:
        assert config.load(environment)


def test_all_faults_stand_in_one_message(tmp_path: Path) -> None:
    """Wrong values, unknown names, unreadable files and what is missing beside them are told together."""
    environment = {
        "WALLET_PORT": "many",
        "WALLET_WEB_THREADS": "0",
        "WALLET_HOTS": "1",
        "WALLET_SECRET_KEY": "short",
        "WALLET_DATABASE_URL_FILE": str(tmp_path / "none"),
        "WALLET_APPLE_CERTIFICATE": "x",
    }
    assert refused(environment) == [
        "WALLET_APPLE_WWDR",
        "WALLET_DATABASE_URL_FILE",
        "WALLET_HOTS",
        "WALLET_PORT",
        "WALLET_SECRET_KEY",
        "WALLET_WEB_THREADS",
    ]


def test_nothing_that_is_shown_is_secret() -> None:
    """Neither `shown`, nor the settings' text, nor a refusal holds a secret's value."""
    secrets = {f"{PREFIX}{name.upper()}": f"hush-{name}-{'x' * 32}" for name in SECRETS}
    secrets |= {"WALLET_SMTP_URL": "smtp://user:hush@mail.example"}
    settings = config.load(whole(**secrets))
    with pytest.raises(SettingsRefused) as error:
        config.load(whole(**secrets, WALLET_PORT="many", WALLET_SECRET_KEY_FILE="/nowhere"))

    for text in (str(settings.shown()), repr(settings), str(settings), str(error.value)):
        assert "hush" not in text
    assert settings.shown().keys() == EXAMPLES.keys()
    assert settings.shown()["port"] == "9000"


def test_a_pem_text_is_not_shown() -> None:
    """A certificate may be given as text with its key behind it, so such a text is starred out."""
    pem = "-----BEGIN CERTIFICATE-----\nhush\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nhush"
    shown = config.load(APPLE | {"WALLET_APPLE_CERTIFICATE": pem}).shown()
    assert "hush" not in str(shown)
    assert shown["apple_wwdr"] == "wwdr.pem"


def test_settings_cannot_be_changed() -> None:
    """Settings are frozen, and no new one can be added."""
    settings = config.load({})
    for name in (*EXAMPLES, "other"):
        with pytest.raises((ValidationError, AttributeError)):
            setattr(settings, name, "x")


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "https://127.0.0.1:8002"),
        ({"WALLET_SANDBOX_APNS_PORT": "9002"}, "https://127.0.0.1:9002"),
        (APPLE, APPLE_PUSH),
        (APPLE | {"WALLET_APPLE_APNS_URL": "https://apns.example"}, "https://apns.example"),
        ({"WALLET_APPLE_APNS_URL": "https://apns.example"}, "https://apns.example"),
    ],
)
def test_pushes_go_to_apple_only_with_a_certificate_of_theirs(environment: dict[str, str], url: str) -> None:
    """The sandbox pushes to itself, a real certificate to Apple, and a given address goes before both."""
    assert config.load(environment).push_url == url


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8000", True),
        ("https://localhost.example", False),
        ("https://127.0.0.1.example", False),
        ("http://192.168.0.7", False),
    ],
)
def test_local_means_this_very_machine(url: str, local: bool) -> None:
    """Only an address that no stranger can reach counts as local."""
    assert config.load({"WALLET_BASE_URL": url}).local == local


@given(
    st.dictionaries(
        st.sampled_from([PREFIX + name.upper() for name in EXAMPLES])
        | st.text(alphabet="ABC_", max_size=5).map(lambda each: PREFIX + each),
        st.text(max_size=20) | st.sampled_from([text for text, _ in EXAMPLES.values()]),
        max_size=6,
    )
)
@profile(max_examples=150, deadline=None)
def test_no_environment_breaks_the_reader(environment: dict[str, str]) -> None:
    """Any variables give settings or a refusal that names some of them, never another error."""
    read = read_or_refused(environment)
    if isinstance(read, SettingsRefused):
        assert {each.place for each in read.faults} <= environment.keys() | NEEDED_BESIDE
    else:
        assert read.shown()


def read_or_refused(environment: Mapping[str, str]) -> Settings | SettingsRefused:
    """Return what comes out of the reader, be it a refusal."""
    try:
        return config.load(environment)
    except SettingsRefused as refusal:
        return refusal


@pytest.mark.parametrize(
    ("variable", "given"),
    [
        ("WALLET_SMTP_URL", "mail.example:587"),
        ("WALLET_SMTP_URL", "http://mail.example"),
        ("WALLET_SMTP_URL", "smtp://user@mail.example"),
        ("WALLET_SMTP_URL", "smtp://mail.example:99999"),
        ("WALLET_SMTP_URL", "smtp://mail.example/path"),
        ("WALLET_MAIL_FROM", "Shop"),
        ("WALLET_MAIL_FROM", "cards@shop.example\nBcc: all@shop.example"),
        ("WALLET_MAIL_FROM", "кот@shop.example"),
    ],
)
def test_a_mail_server_or_sender_that_is_none(variable: str, given: str) -> None:
    """An address that no letter could be sent by is refused when the service starts."""
    assert refused({"WALLET_MAIL_FROM": "cards@shop.example"} | {variable: given}) == [variable]


def test_a_mail_server_needs_a_sender() -> None:
    """Nobody can be written to before it is said whom letters come from."""
    assert refused({"WALLET_SMTP_URL": "smtp://mail.example"}) == ["WALLET_MAIL_FROM"]


def test_letters_without_a_mail_server(tmp_path: Path) -> None:
    """A sandbox lays letters into a folder; elsewhere there are none without a mail server."""
    sandbox, live = config.load({"WALLET_DATA_FOLDER": str(tmp_path)}), config.load(APPLE)
    assert (sandbox.mails, sandbox.mail_folder) == (True, tmp_path / "mail")
    assert (live.mails, live.mail_folder) == (False, None)
