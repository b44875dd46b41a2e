"""A real service whose Google is a running sandbox, and members who hold their cards there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from actors import Clock, Shop
from google_actors import ISSUER, Running, machine_clock, running
from held_actors import PAST_WINDOW, Door, Holder, enrolled, opened
from pydantic import SecretStr
from sqlalchemy import Engine

from wallet_service.apple.identity import Identity
from wallet_service.config import Settings
from wallet_service.domain.template import Template
from wallet_service.sandbox.google import SandboxGoogle
from wallet_service.web import create_app
from wallet_service.wiring import Service, build

ROOT = Path(__file__).parents[2]


@pytest.fixture
def options() -> dict[str, Any]:
    """How the sandbox's Google differs from the ordinary."""
    return {}


@pytest.fixture
def sandbox(clock: Clock, options: dict[str, Any]) -> Iterator[Running]:
    """A running sandbox Google, with the count of what it was asked."""
    with running(clock=clock, token_clock=machine_clock, **options) as here:
        yield here


@pytest.fixture
def google(sandbox: Running) -> SandboxGoogle:
    """What that Google holds."""
    return sandbox.google


@pytest.fixture
def base_url() -> str:
    """Our public address, where nobody ever connects to."""
    return "https://cards.example"


@pytest.fixture
def templates() -> Path:
    """The folder of templates."""
    return ROOT / "pass_templates"


@pytest.fixture
def settings(tmp_path: Path, sandbox: Running, base_url: str, templates: Path) -> Settings:
    """Settings that point to the running sandbox."""
    return Settings(
        data_folder=tmp_path,
        templates=templates,
        base_url=base_url,
        google_service_account=sandbox.account_json.decode(),
        google_issuer_id=ISSUER,
        google_api_url=sandbox.url,
        google_save_url=f"{sandbox.url}/save",
        google_callback_keys_url=f"{sandbox.url}/keys",
        google_requests_per_second=1000,
        web_threads=16,  # half of them may wait for Google at once
        secret_key="for tests alone, " * 3,
    )


@pytest.fixture
def another(
    engine: Engine, identity: Identity, clock: Clock, sandbox: Running, starters: dict[str, Template]
) -> Iterator[Callable[[Settings], Service]]:
    """One more process of the service, on the same database."""
    made: list[Service] = []

    def start(settings: Settings) -> Service:
        # What a run has read once is not read for each test; what a test brings of its own is.
        shipped = starters if settings.templates == ROOT / "pass_templates" else None
        known = settings.google_service_account == SecretStr(sandbox.account_json.decode())
        account = sandbox.account if known else None
        parts = {"clock": clock, "engine": engine, "identity": identity, "loaded": shipped, "account": account}
        made.append(build(settings, **parts))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for each in made:
        if each.google:
            each.google.close()


@pytest.fixture
def service(settings: Settings, another: Callable[[Settings], Service]) -> Service:
    """A whole service on a fresh database."""
    return another(settings)


@pytest.fixture
def member(service: Service, google: SandboxGoogle, shop: Shop) -> Callable[..., Holder]:
    """A way to enrol members, whose cards nobody has asked for yet."""
    return lambda customer, /, **more: enrolled(service, google, shop, customer, **more)


@pytest.fixture
def ann(member: Callable[..., Holder], clock: Clock, sandbox: Running) -> Holder:
    """A member whose card Google holds since a while; what was asked for that is forgotten."""
    holder = member("ann", name="Ann")
    assert holder.click().status_code == 303
    clock.on(seconds=PAST_WINDOW)
    sandbox.asked.clear()
    return holder


@pytest.fixture
def door() -> Door:
    """Our own front door, closed; it is opened with an application."""
    return Door()


@pytest.fixture
def street(door: Door) -> Iterator[str]:
    """The address of that door on this machine."""
    with opened(door) as url:
        yield url


@pytest.fixture
def at_home(service: Service, door: Door) -> Service:
    """The service, behind its own door."""
    door.app = create_app(service)
    return service
