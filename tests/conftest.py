"""Real parts for every test: a PostgreSQL, a certificate chain, and a service with a clock that is set by hand."""

import gc
import os
import shutil
import tempfile
from collections.abc import Hashable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import CodeType
from typing import Any, ClassVar

import pytest
import structlog
from actors import START, Clock, Device, Shop, connected_shop
from flask import Flask
from flask.testing import FlaskClient
from google_actors import account_json, loaded_once
from jinja2.bccache import Bucket, BytecodeCache
from slate import Slate, open_wiper, shape
from sqlalchemy import Engine, create_engine, text
from werkzeug.routing import Rule

from wallet_service.apple import artwork
from wallet_service.apple.identity import Identity, load_identity
from wallet_service.config import Settings
from wallet_service.domain.template import Template
from wallet_service.sandbox.chain import Chain, make_chain
from wallet_service.storage import migrate, pipelined
from wallet_service.storage.embedded import Embedded
from wallet_service.storage.templates import load_all
from wallet_service.web import create_app
from wallet_service.wiring import Service, build, open_engine

ROOT = Path(__file__).parent.parent
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "plan_cache_mode": "force_generic_plan",  # planning a statement takes longer than looking at a few rows
    "autovacuum": "off",  # a vacuum is a transaction, and would hold back the tags of changes
    "max_parallel_workers_per_gather": "0",  # starting them for tables of a few rows takes most of a statement's time
}
COMPILED = ("_parts", "_trace", "_converters", "arguments", "_build", "_build_unknown")  # of a rule of Werkzeug's


class RememberedRule(Rule):
    """A rule of an application that is compiled once in a run, and not for each application.

    That takes longer than most tests: every one of them makes an application of its own.
    """

    remembered: ClassVar[dict[Hashable, dict[str, Any]]] = {}

    def compile(self) -> None:
        """Compile the rule, or take what another application's rule of the same words has come to."""
        key = (self.rule, self.subdomain, self.host, self.merge_slashes, repr(self.defaults))
        if key not in self.remembered:
            super().compile()
            self.remembered[key] = {name: vars(self)[name] for name in COMPILED}
        vars(self).update(self.remembered[key])


class RememberedTemplates(BytecodeCache):
    """The pages' templates, compiled once in a run, and not for each application."""

    def __init__(self) -> None:
        self.remembered: dict[Hashable, CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take what is known of a template's very text."""
        bucket.code = self.remembered.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Remember a template."""
        self.remembered[bucket.key, bucket.checksum] = bucket.code


Flask.url_rule_class = RememberedRule
Flask.jinja_options = {"bytecode_cache": RememberedTemplates()}


def pytest_configure(config: pytest.Config) -> None:
    """Let the processes that tests start find our modules compiled, also where this one is told to write none.

    Compiling them anew takes each of them half a second.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ["PYTHONPYCACHEPREFIX"] = str(config.rootpath / ".pytest_cache" / "compiled")


def pytest_collection() -> None:
    """Look for no garbage while tests are found: all that is made then is kept."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage again, but no longer among what tests were found by, which takes a second each time."""
    gc.enable()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have measured; nothing depends on it, since machines are noisy."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"measured: {name}: {value}")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Embedded]:
    """A PostgreSQL of this process's own: transactions of another would hold back the tags of changes in ours."""
    server = Embedded(Path(tempfile.gettempdir()) / f"wallet-service-tests-{os.getpid()}", settings=FAST)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def model(cluster: Embedded) -> str:
    """The name of a migrated, empty database that others are copied from."""
    name = f"model_{os.getpid()}"
    _execute(cluster, f"CREATE DATABASE {name}")
    engine = create_engine(cluster.url(name))
    migrate.upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture(scope="session")
def slate(cluster: Embedded, model: str) -> Iterator[Slate]:
    """The database that the tests of this process have one after the other."""
    url = cluster.url(f"test_{model}")
    wiper = open_wiper(url)
    slate = Slate(open_engine(url), pipelined.open_engine(wiper), wiper)
    yield slate
    slate.dispose()


@pytest.fixture
def engine(cluster: Embedded, model: str, slate: Slate) -> Iterator[Engine]:
    """An engine on a migrated database without a row; one whose tables a test has changed is made anew."""
    if not slate.sound or not slate.wiped():
        slate.dispose()
        name = slate.engine.url.database
        _execute(cluster, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        _execute(cluster, f"CREATE DATABASE {name} TEMPLATE {model} STRATEGY FILE_COPY")
        with slate.wiper.begin() as tx:
            slate.sound = shape(tx)
    with slate.lent() as engine:
        yield engine


@pytest.fixture(scope="session")
def chain() -> Chain:
    """A certificate chain of this run, valid at the tests' time and today."""
    return make_chain(START, lifetime=timedelta(days=3000))


@pytest.fixture(scope="session")
def identity(chain: Chain) -> Identity:
    """The identity that the chain gives."""
    return load_identity(
        certificate=chain.pass_certificate, key=chain.pass_key, wwdr=chain.wwdr, password=None, now=START
    )


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the run itself is told is not told to the commands that tests type, which would mention it."""
    monkeypatch.delenv("WALLET_TEST_BROWSER", raising=False)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """What a command sets up for its process's log ends with the test that types it.

    Stack traces are plain: the richer ones, which structlog takes where their library is installed, hold every local
    variable, and drawing one with a service in it takes seconds.
    """
    before = structlog.get_config()
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before["processors"][:-1], plain])
    yield
    structlog.configure(**before)


@pytest.fixture
def clock() -> Clock:
    """The service's clock."""
    return Clock()


@pytest.fixture(scope="session")
def sandbox_files(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a sandbox makes at its first start, which takes long: a chain, and Google's account."""
    folder = tmp_path_factory.mktemp("sandbox")
    chain.write(folder)
    account = folder / "google_service_account.json"
    account.touch(mode=0o600)
    account.write_bytes(account_json())
    return folder


@pytest.fixture
def settings(tmp_path: Path, sandbox_files: Path) -> Settings:
    """Settings of a sandbox, which has been started before."""
    shutil.copytree(sandbox_files, tmp_path / "sandbox")
    return Settings(data_folder=tmp_path, templates=ROOT / "pass_templates", base_url="https://cards.example")


@pytest.fixture(scope="session")
def starters() -> dict[str, Template]:
    """The templates that are shipped, read once; `tests/test_wiring.py` reads them as a service does."""
    return load_all(ROOT / "pass_templates", check_art=artwork.faults)


@pytest.fixture
def service(
    settings: Settings,
    slate: Slate,
    engine: Engine,
    identity: Identity,
    clock: Clock,
    starters: dict[str, Template],
) -> Service:
    """A whole service on an empty database, with what takes long to make: a key for Google, and connections."""
    account = replace(loaded_once(), token_uri=f"{settings.sandbox_google_url}/token")
    built = build(settings, clock=clock, engine=engine, identity=identity, loaded=starters, account=account)
    return replace(built, pipelined_engine=slate.pipelined)


@pytest.fixture
def client(service: Service) -> FlaskClient:
    """A client of the service's web application."""
    return create_app(service).test_client()


@pytest.fixture
def shop(service: Service, client: FlaskClient) -> Shop:
    """A connected shop."""
    return connected_shop(service, client, "shop")


@pytest.fixture
def device(service: Service, client: FlaskClient) -> Device:
    """A phone."""
    return Device(client, service.identity.pass_type_identifier)


def _execute(cluster: Embedded, statement: str) -> None:
    engine = create_engine(cluster.url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
