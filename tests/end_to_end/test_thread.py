"""Event, ledger, card, face, pass, push, phone: the whole walk through real processes."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from stage_actors import ROOT, Stage, wait_until
from standardwebhooks import Webhook

pytestmark = pytest.mark.xdist_group("stage")

WINDOW = 6  # seconds; the demo's programme sends later changes together within five
PAUSE = 0.3  # seconds between two looks of a command, which is work for the machine that the stage runs on


def post(stage: Stage, kind: str, event_id: str, **data: Any) -> dict[str, Any]:
    """Sign an event with the library that Standard Webhooks publishes, post it and return the answer."""
    now = datetime.now(UTC)
    body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": data})
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(stage.facts["webhook_secret"]).sign(event_id, now, body),
    }
    answer = requests.post(stage.facts["webhook_url"], data=body, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def shown(stage: Stage, field: str) -> str:
    """Return what the phone's card shows in a field."""
    text: str = stage.phone()["cards"][0]["fields"][field]["text"]
    return text


def saved(stage: Stage, field: str) -> str:
    """Return what the Android phone's card shows in a field."""
    text: str = stage.phone()["android"]["cards"][0]["fields"][field]["text"]
    return text


def test_webhook_changes_the_card_on_both_phones(stage: Stage, record_property: Callable[[str, object], None]) -> None:
    """An order that is posted by a signed webhook shows on both phones as balance, tier and notification.

    It comes first on its stage: a holder at Google is told of three changes in a day, and others would use them up.
    """
    customer = {"id": stage.facts["customer_id"]}
    wait_until(lambda: stage.phone()["cards"] and stage.phone()["android"]["cards"])
    # Other tests may have bought on the same stage a moment ago.
    wait_until(stage.in_step, patience=WINDOW + 20, pause=PAUSE)
    wait_until(lambda: saved(stage, "balance") == shown(stage, "balance"))
    before = int(shown(stage, "balance"))
    told = post(
        stage, "order.paid", "evt_thread", order_id="thread", customer=customer, currency="EUR", eligible_minor=60000
    )
    answered = time.monotonic()
    times = {}
    for phone, look in (("iPhone", shown), ("Android phone", saved)):
        wait_until(lambda look=look: look(stage, "balance") == str(told["balance"]))  # type: ignore[misc]
        times[phone] = time.monotonic() - answered
    for phone, took in times.items():
        record_property(f"webhook answered to card changed on the {phone}, at the most", f"{took * 1000:.0f} ms")

    assert told["balance"] == before + 600
    assert shown(stage, "tier") == saved(stage, "tier") == "Novel"
    state = stage.phone()
    assert state["notification"]["text"] == "Your tier is now Novel"
    assert [step["kind"] for step in state["timeline"]][-5:] == ["pushed", "listed", "fetched", "verified", "notified"]
    # Google shows a change before it tells of it.
    wait_until(lambda: {step["kind"] for step in stage.phone()["android"]["timeline"][-2:]} == {"changed", "notified"})


def test_shop_is_told_by_a_signed_message(stage: Stage) -> None:
    """What came of an order reaches the shop's own endpoint, which has checked the signature."""
    customer = {"id": stage.facts["customer_id"]}
    post(stage, "order.paid", "evt_told", order_id="told", customer=customer, currency="EUR", eligible_minor=12300)

    wait_until(lambda: any("+123 points" in each["text"] for each in stage.phone()["heard"]))


def test_repeated_webhook_is_answered_again_and_counts_once(stage: Stage) -> None:
    """The same event again gets the first answer and moves no point."""
    customer = {"id": stage.facts["customer_id"]}
    data = {"order_id": "repeat", "customer": customer, "currency": "EUR", "eligible_minor": 500}
    first = post(stage, "order.paid", "evt_repeat", **data)

    assert post(stage, "order.paid", "evt_repeat", **data) == first


def test_phone_catches_up_when_the_push_service_recovers(stage: Stage) -> None:
    """A push that the service cannot take is put off and sent again, and the phone shows the change in the end."""
    stage.press("push-service/behave", breakage="503")
    told = post(
        stage,
        "points.adjusted",
        "evt_recover",
        customer={"id": stage.facts["customer_id"]},
        points=7,
        actor="desk",
        reason="gift",
    )
    wait_until(lambda: shown(stage, "balance") == str(told["balance"]))
    stage.press("push-service/behave", breakage="none")

    assert "later=1" in (stage.folder / "var" / "logs" / "worker.log").read_text()


def test_drift_says_that_all_is_in_step(stage: Stage) -> None:
    """When phones have fetched, the report says so and the command succeeds."""
    wait_until(stage.in_step, patience=WINDOW + 20, pause=PAUSE)

    cards, in_step = re.findall(r"\d+", stage.command("drift").stdout)
    assert int(cards) == int(in_step) > 0


def test_google_holds_what_the_cards_say(stage: Stage) -> None:
    """Asked for all that it holds, Google shows just what the ledger makes of it, and the command says so."""
    wait_until(stage.in_step, patience=WINDOW + 20, pause=PAUSE)
    done = stage.command("reconcile")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 cards compared at Google, 0 findings." in done.stdout


def test_every_point_is_explained(stage: Stage) -> None:
    """The statement ends with the balance that the phones show, in each form, and the books behind it are sound."""
    customer = {"id": stage.facts["customer_id"]}
    order = {"order_id": "explained", "currency": "EUR", "eligible_minor": 100}
    told = post(stage, "order.paid", "evt_explained", customer=customer, **order)
    wait_until(lambda: shown(stage, "balance") == str(told["balance"]))
    as_json = json.loads(stage.command("statement", stage.facts["member_id"], "--format", "json").stdout)["lines"]
    as_csv = list(
        csv.DictReader(io.StringIO(stage.command("statement", stage.facts["serial_number"], "--format", "csv").stdout))
    )
    table = stage.command("statement", stage.facts["member_id"]).stdout.splitlines()

    assert str(as_json[-1]["balance"]) == as_csv[-1]["balance"] == shown(stage, "balance")
    assert len(as_json) == len(as_csv) > 0
    assert any("purchase, order explained" in line for line in table)
    verified = stage.command("ledger", "verify")
    assert (verified.returncode, verified.stdout) == (0, "The books are sound, and everything is as it was sealed.\n")
    assert "0 members and 0 cards were otherwise" in stage.command("ledger", "rebuild").stdout


def test_one_card_is_looked_at(stage: Stage) -> None:
    """The command shows both wallets of the card, each in step, and that Google holds just what the card shows."""
    wait_until(stage.in_step, patience=WINDOW + 20, pause=PAUSE)
    done = stage.command("card", stage.facts["serial_number"])

    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": in step\n") == 2
    assert "Google holds just what the card shows; somebody has saved it" in done.stdout


def test_both_phones_come_right_after_google_fails(stage: Stage) -> None:
    """What Google does not take at first is written again, and both phones show the same in the end."""
    stage.press("google/behave", breakage="503")
    told = post(
        stage,
        "points.adjusted",
        "evt_google_recover",
        customer={"id": stage.facts["customer_id"]},
        points=11,
        actor="desk",
        reason="gift",
    )
    wait_until(lambda: shown(stage, "balance") == str(told["balance"]))
    wait_until(lambda: "503" in stage.command("drift").stdout, pause=PAUSE)
    assert saved(stage, "balance") != str(told["balance"])
    stage.press("google/behave", breakage="none")

    wait_until(lambda: saved(stage, "balance") == str(told["balance"]))


def test_doctor_finds_nothing_wrong(stage: Stage) -> None:
    """In the sandbox the doctor minds a few things and finds no fault."""
    done = stage.started("doctor")

    assert done.returncode == 0, done.stdout
    assert "accepts the certificate and the topic" in done.stdout
    assert "lets the service account in" in done.stdout
    assert "approved, and just as it is drawn here" in done.stdout
    assert "wrong" not in done.stdout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")
def test_pass_command_writes_what_openssl_verifies(stage: Stage, tmp_path: Path) -> None:
    """A pass written by the command is signed by the chain whose root `demo.json` names."""
    path = tmp_path / "card.pkpass"
    done = stage.started("pass", stage.facts["serial_number"], "-o", str(path))
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        archive.extractall(tmp_path)

    verified = subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", tmp_path / "signature", "-content",
         tmp_path / "manifest.json", "-CAfile", stage.facts["ca_file"], "-purpose", "any", "-out", os.devnull],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stderr


def test_snippet_of_the_readme_runs(stage: Stage) -> None:
    """What the README shows a merchant to run is taken as it stands, and counts."""
    snippet = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    done = subprocess.run(
        [sys.executable, "-c", snippet], cwd=stage.folder, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "'status': 'processed', 'tier'" in done.stdout


def test_facts_are_for_their_owner_alone(stage: Stage) -> None:
    """The file with the demo's secrets can be read by nobody else."""
    assert (stage.folder / "var" / "demo.json").stat().st_mode & 0o077 == 0


def test_logs_hold_no_secret(stage: Stage) -> None:
    """No token, secret or name of a member stands in any log."""
    logs = "".join(path.read_text() for path in (stage.folder / "var" / "logs").iterdir())

    for name in ("webhook_secret", "authentication_token"):
        assert stage.facts[name] not in logs
    assert "Alex Example" not in logs
    assert stage.facts["card_url"].split("/")[-2] not in logs
