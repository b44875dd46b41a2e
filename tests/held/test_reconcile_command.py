"""`wallet-service reconcile` and `drift`: what they print of cards at Google, and how they end."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import click
import pytest
from actors import Clock, Device, Shop
from command_actors import typed
from google_actors import ISSUER, Running
from held_actors import Holder, copied_template, delivered, looked
from sqlalchemy import Engine, text

from wallet_service.config import Settings
from wallet_service.reconciling import run
from wallet_service.sandbox.google import Behaviour, SandboxGoogle
from wallet_service.usecases.publish import publish_classes
from wallet_service.wiring import Service

HOUR = timedelta(hours=1)
Run = Callable[..., tuple[int, str]]
Of = Callable[[Service], Run]


@pytest.fixture
def reconcile_of(clock: Clock, capsys: pytest.CaptureFixture[str]) -> Of:
    """Run it a minute from now; return how it ends and what it prints."""

    def call(service: Service, *, mend: bool = True, limit: int = 50) -> tuple[int, str]:
        clock.on(minutes=1)
        capsys.readouterr()
        with pytest.raises((SystemExit, click.ClickException)) as ended:
            run(service, mend=mend, limit=limit, patience=HOUR)
        if isinstance(ended.value, click.ClickException):
            return ended.value.exit_code, capsys.readouterr().out + ended.value.format_message()
        return int(ended.value.code or 0), capsys.readouterr().out

    return lambda service: partial(call, service)


@pytest.fixture
def reconcile(service: Service, reconcile_of: Of) -> Run:
    """Run it for the one service there is."""
    return reconcile_of(service)


def tampered(holder: Holder) -> None:
    """Write another name onto the card at Google."""
    holder.google.change("patch", "loyaltyObject", holder.target, {"accountName": "Mallory"})


def test_all_is_well(ann: Holder, reconcile: Run) -> None:
    """With nothing to find it says how many cards were compared, and ends well."""
    assert reconcile() == (0, "1 cards compared …\n1 cards compared at Google, 0 findings.\n")


def test_findings_that_are_mended(ann: Holder, reconcile: Run, service: Service) -> None:
    """What differs is named and sent again, which is a good end."""
    tampered(ann)
    code, said = reconcile()

    assert code == 0
    assert f"  {ann.target}  the card differs in accountName\n" in said
    assert "1 cards compared at Google, 1 findings.\n" in said
    assert "is being sent again" in said
    assert [each.why for each in looked(service).late] == ["waits for a worker (the card differs in accountName)"]
    delivered(service)
    assert ann.shown()["accountName"] == "Ann"
    assert reconcile()[1].endswith("0 findings.\n")


def test_looking_alone(ann: Holder, reconcile: Run, service: Service) -> None:
    """Only looked at, what differs is named and left, which is a bad end."""
    tampered(ann)
    code, said = reconcile(mend=False)

    assert code == 1
    assert "1 findings. The rest is left as it is: run it without --look." in said
    assert delivered(service).total == 0
    assert ann.shown()["accountName"] == "Mallory"


def test_card_of_nobody(ann: Holder, reconcile: Run, google: SandboxGoogle) -> None:
    """A card that is not ours cannot be mended, which is a bad end."""
    stranger = {"id": f"{ISSUER}.card-stranger", "classId": f"{ISSUER}.program-points", "state": "ACTIVE"}
    google.change("insert", "loyaltyObject", "", stranger)
    code, said = reconcile()

    assert code == 1
    assert f"  {ISSUER}.card-stranger  the vendor holds a card that is not ours\n" in said


@pytest.mark.parametrize(("status", "words"), [(403, "Invite the service account"), (503, "503 backendError")])
def test_google_shows_nothing(ann: Holder, reconcile: Run, google: SandboxGoogle, status: int, words: str) -> None:
    """Where Google does not show its list it is said why, and what to do."""
    google.behave(Behaviour(status=status, method="GET"))
    code, said = reconcile()

    assert code == 1
    assert words in said
    assert "run it again" in said


def test_limit(ann: Holder, reconcile: Run, google: SandboxGoogle) -> None:
    """No more findings than asked for are named, but all are counted."""
    for number in range(3):
        stranger = {"id": f"{ISSUER}.card-{number}", "classId": f"{ISSUER}.program-points", "state": "ACTIVE"}
        google.change("insert", "loyaltyObject", "", stranger)
    _, said = reconcile(limit=2)

    assert said.count("is not ours") == 2
    assert "… and more; see --limit" in said
    assert "3 findings" in said


def test_phone_that_never_came(ann: Holder, device: Device, reconcile: Run, service: Service, clock: Clock) -> None:
    """A phone that was told more than an hour ago and has not fetched is told again, and named."""
    device.register(ann.card)
    with service.begin() as tx:
        query = "UPDATE wallets SET sent = wanted, sent_at = :now WHERE platform = 'apple'"
        tx.execute(text(query), {"now": clock.now})
    assert "told again" not in reconcile()[1]
    clock.on(hours=1)
    code, said = reconcile()

    assert code == 0
    assert f"  {ann.serial}  the phone {device.library[:8]}… fetched revision 0 of 1; it is told again\n" in said
    with service.read() as tx:
        assert tx.execute(text("SELECT sent FROM wallets WHERE platform = 'apple'")).scalar() == 0


def test_what_was_put_off_is_tried_now(
    ann: Holder, shop: Shop, reconcile: Run, service: Service, google: SandboxGoogle
) -> None:
    """A card that waits because it was refused is tried at once after a reconciliation."""
    google.behave(Behaviour(status=400, times=1))
    shop.buy(1_000, order="1")
    delivered(service)

    assert "1 wallets that were put off are tried now." in reconcile()[1]
    assert delivered(service).sent == 1


def test_class_that_was_refused_is_tried_again(
    ann: Holder, another: Callable[[Settings], Service], settings: Settings, tmp_path: Path, clock: Clock
) -> None:
    """A look that Google refused, for a picture that could not be fetched, is tried again a minute later."""
    folder = copied_template(tmp_path / "new", 'background = "#2b1f3d"', 'background = "#1f3d2b"')
    newer = another(settings.model_copy(update={"templates": folder}))
    with newer.begin() as tx:
        publish_classes(tx, newer.classes(), now=newer.clock())
    ann.google.behave(Behaviour(status=400, message="Image cannot be loaded: x", times=1))
    delivered(newer)

    assert "Image cannot be loaded" in looked(newer).late_classes[0].why
    clock.on(minutes=1)
    delivered(newer)
    assert looked(newer).late_classes == ()


def test_commands(ann: Holder, shop: Shop, engine: Engine, sandbox: Running, service: Service) -> None:
    """The commands print the same and end alike when they are typed."""
    environment = {
        "WALLET_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "WALLET_DATA_FOLDER": str(service.settings.data_folder),
        "WALLET_BASE_URL": service.settings.base_url,
        "WALLET_SECRET_KEY": service.secret_key,
        "WALLET_TEMPLATES": str(service.settings.templates),
        "WALLET_GOOGLE_SERVICE_ACCOUNT": sandbox.account_json.decode(),
        "WALLET_GOOGLE_ISSUER_ID": ISSUER,
        "WALLET_GOOGLE_API_URL": sandbox.url,
    }

    def call(*arguments: str) -> tuple[int, str]:
        done = typed(environment, *arguments)
        return done.returncode, done.stdout

    assert call("drift") == (0, "1 cards, 1 in step\n")
    tampered(ann)
    code, said = call("reconcile", "--look")
    assert (code, "the card differs in accountName" in said) == (1, True)
    shop.buy(1_000, order="1")
    code, said = call("drift")
    assert code == 1
    assert f"  {ann.serial}  google  wanted 2, acknowledged 1: waits for a worker\n" in said
