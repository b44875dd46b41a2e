"""A real worker process that is killed while it sends: the message comes again, under the same id."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from actors import Clock, Shop, connected_shop
from listeners import listening
from receivers import Door, Got, Receiver, receiving
from sqlalchemy import Engine
from stage_actors import ROOT, wait_until

from wallet_service.config import Settings
from wallet_service.web import create_app
from wallet_service.wiring import MESSAGE_LEASE, Service, build, utc_now


@pytest.fixture
def service(tmp_path: Path, sandbox_files: Path, engine: Engine) -> Service:
    """A service with the worker's settings."""
    shutil.copytree(sandbox_files, tmp_path / "var" / "sandbox")
    settings = Settings(data_folder=tmp_path / "var", templates=ROOT / "pass_templates")
    return build(settings, engine=engine, clock=utc_now)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that holds the first request until it is let go."""
    held = threading.Event()

    def behave(door: Door, _: Got) -> None:
        if len(receiver.got) == 1:
            held.wait(30)
        door.answer(200)

    with receiving(behave) as receiver:
        yield receiver
        held.set()


def test_killed_while_it_sends(service: Service, receiver: Receiver, engine: Engine, tmp_path: Path) -> None:
    """Nobody knows whether the receiver had taken it, so once the lease is over it is sent again, before the next."""
    shop: Shop = connected_shop(service, create_app(service).test_client(), "shop")
    ear = listening(service, receiver.url)
    shop.enrol("ann")
    shop.buy(4_200, order="1")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")} | {
        "WALLET_DATA_FOLDER": str(tmp_path / "var"),
        "WALLET_DATABASE_URL": engine.url.render_as_string(hide_password=False),
    }
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "wallet_service", "worker"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: len(receiver.got) == 1)
    finally:
        worker.kill()
        worker.wait()

    service.dispatch.deliver()
    assert len(receiver.got) == 1
    late = build(service.settings, engine=engine, clock=Clock(utc_now() + MESSAGE_LEASE))

    def all_came() -> bool:
        late.dispatch.deliver()
        return len(receiver.got) == 3

    wait_until(all_came)
    late.dispatch.finish()
    first, again, next_one = receiver.got
    assert first.id == again.id != next_one.id
    assert receiver.types == ["member.enrolled", "member.enrolled", "points.earned"]
    assert again.body == first.body
    assert ear.states() == [("delivered", 2), ("delivered", 1)]
