"""What the sandbox's Google holds outlasts a restart, and writing it down costs its requests nothing."""

import json
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google_actors import CLASS, ISSUER, OBJECT, account_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wallet_service.domain.errors import WalletError
from wallet_service.google.save_link import save_link
from wallet_service.google.service_account import load_service_account
from wallet_service.sandbox.google import HeldFileDamaged, SandboxGoogle
from wallet_service.sandbox.google_file import HeldFile, read_held

NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
FILE = "sandbox-google.json"
NEWS = {"message": {"header": "Hello", "body": "Cake für alle"}}


def opened(folder: Path | None) -> SandboxGoogle:
    """A Google that keeps what it holds in a folder."""
    return SandboxGoogle(issuer_id=ISSUER, clock=lambda: NOW, folder=folder)


def filled(folder: Path) -> SandboxGoogle:
    """One that has a class and a card with a message."""
    google = opened(folder)
    google.change("insert", "loyaltyClass", "", CLASS)
    google.change("insert", "loyaltyObject", "", OBJECT)
    google.change("addMessage", "loyaltyObject", OBJECT["id"], NEWS)
    return google


def kept(folder: Path) -> Any:
    """What is in the file."""
    return json.loads((folder / FILE).read_bytes())


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    """Classes, cards, messages, and that a card is not saved any more, are as they were."""
    before = filled(tmp_path)
    held = before.get("loyaltyObject", OBJECT["id"])
    before.close()
    after = opened(tmp_path)
    assert after.get("loyaltyObject", OBJECT["id"]) == held
    assert after.all("loyaltyClass") == before.all("loyaltyClass")
    after.change("patch", "loyaltyObject", OBJECT["id"], {"accountName": "Eva"})
    after.close()
    last = opened(tmp_path)
    assert last.get("loyaltyObject", OBJECT["id"])["accountName"] == "Eva"
    last.close()


def test_who_saved_what_outlasts_a_restart(tmp_path: Path) -> None:
    """A card that was saved is so after a restart, and one that was removed is not."""
    google = filled(tmp_path)
    google.admit(account_json())
    account = load_service_account(account_json())
    link = save_link(
        OBJECT["id"],
        service_account_email=account.email,
        key=account.key,
        key_id=account.key_id,
        origins=[],
        save_url="https://pay.example",
        now=NOW,
    )
    google.save(link.rpartition("/")[2])
    for saved in (True, False):
        google.close()
        google = opened(tmp_path)
        assert google.get("loyaltyObject", OBJECT["id"])["hasUsers"] is saved
        google.remove(OBJECT["id"])
    google.close()


def test_a_change_is_written_soon_without_a_close(tmp_path: Path) -> None:
    """A process that is killed loses a fraction of a second at the most."""
    google = filled(tmp_path)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if (tmp_path / FILE).exists() and "messages" in kept(tmp_path)["loyaltyObject"].get(OBJECT["id"], {}):
            break
        time.sleep(0.01)
    assert kept(tmp_path)["loyaltyObject"][OBJECT["id"]]["messages"] == [NEWS["message"]]
    google.close()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Names of members are in it, so nobody else may read it; nothing else is left beside it."""
    (tmp_path / "sandbox-google.new").write_text("left over")
    filled(tmp_path / "deep" / "down").close()
    filled(tmp_path).close()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["deep", FILE]


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is in memory, and closing is no trouble; with one, nothing is written before anything changes."""
    monkeypatch.chdir(tmp_path)
    google = opened(None)
    google.change("insert", "loyaltyClass", "", CLASS)
    google.close()
    opened(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_many_changes_are_few_writes(tmp_path: Path) -> None:
    """Five hundred changes from eight threads are written together, and the last of them is in the file."""
    numbers = iter(range(10**6))
    file = HeldFile(tmp_path / FILE, lambda: {"write": next(numbers)})
    with ThreadPoolExecutor(8) as threads:
        for _ in range(500):
            threads.submit(file.changed)
    file.close()
    assert kept(tmp_path)["write"] < 5
    assert next(numbers) == kept(tmp_path)["write"] + 1


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.02])
def test_a_change_before_the_close_is_never_lost(tmp_path: Path, pause: float) -> None:
    """However soon the close follows on a change, the change is written."""
    for number in range(20):
        held = {"value": 0}
        file = HeldFile(tmp_path / FILE, held.copy)
        file.changed()
        time.sleep(pause)
        held["value"] = number
        file.changed()
        file.close()
        file.close()
        assert kept(tmp_path) == {"value": number}


def test_a_folder_that_is_gone_stops_no_card(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Writes that fail are logged and made up for; the sandbox goes on."""
    folder = tmp_path / "held"
    google = filled(folder)
    google.close()
    google = opened(folder)
    (folder / FILE).unlink()
    folder.rmdir()
    google.change("patch", "loyaltyObject", OBJECT["id"], {"accountName": "Eva"})
    until = time.monotonic() + 10
    while not caplog.records and time.monotonic() < until:
        time.sleep(0.01)
    assert "was not written" in caplog.text
    folder.mkdir()
    google.close()
    assert kept(folder)["loyaltyObject"][OBJECT["id"]]["accountName"] == "Eva"


def test_no_thread_is_left(tmp_path: Path) -> None:
    """A closed sandbox has ended what it began."""
    before = set(threading.enumerate())
    filled(tmp_path).close()
    assert set(threading.enumerate()) == before


GOOD: dict[str, Any] = {
    "issuerId": ISSUER,
    "loyaltyClass": {CLASS["id"]: CLASS | {"reviewStatus": "APPROVED"}},
    "loyaltyObject": {OBJECT["id"]: OBJECT},
    "saved": [OBJECT["id"]],
}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "another shape"),
        (b"null", "another shape"),
        (b"{}", "another shape"),
        (json.dumps(GOOD).encode()[:-20], "is no JSON"),
        (GOOD | {"issuerId": "7"}, "is of issuer '7'"),
        (GOOD | {"loyaltyClass": []}, "another shape"),
        (GOOD | {"loyaltyClass": {}}, f"lacks {CLASS['id']}"),
        (GOOD | {"loyaltyObject": {}}, f"lacks {OBJECT['id']}"),
        (GOOD | {"loyaltyObject": {"1.x": OBJECT}}, "under the id '1.x'"),
        (GOOD | {"loyaltyObject": {OBJECT["id"]: 5}}, "another shape"),
        (GOOD | {"loyaltyObject": {OBJECT["id"]: OBJECT | {"state": "GONE"}}}, "would not take"),
        (GOOD | {"saved": 5}, "another shape"),
        (GOOD | {"saved": [[]]}, "another shape"),
        (GOOD | {"saved": [5]}, "lacks 5"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes | dict[str, Any], why: str) -> None:
    """The error says which file to delete, and the file is left as it is."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(HeldFileDamaged, match="Delete that file") as refused:
        opened(tmp_path)
    assert str(tmp_path / FILE) in str(refused.value)
    assert why in str(refused.value)
    assert (tmp_path / FILE).read_bytes() == data


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A folder in its place is one."""
    (tmp_path / FILE).mkdir()
    with pytest.raises(HeldFileDamaged, match="Delete that file"):
        opened(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("id"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON, max_size=3), st.dictionaries(st.text(), JSON, max_size=2))
def test_any_file_is_read_or_refused(tmp_path: Path, change: dict[str, Any], objects: dict[str, Any]) -> None:
    """No content of the file raises anything but that refusal."""
    for document in (GOOD | change, GOOD | {"loyaltyObject": objects, "saved": []}, change):
        (tmp_path / FILE).write_text(json.dumps(document))
        try:
            held = read_held(tmp_path / FILE, ISSUER)
        except WalletError:
            continue
        assert held["issuerId"] == ISSUER
