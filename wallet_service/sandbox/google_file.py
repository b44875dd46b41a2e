"""Keeps what the sandbox's Google holds in a file, so that a restart loses no card."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wallet_service.domain.errors import WalletError
from wallet_service.sandbox.walletobjects import faults

NAME = "sandbox-google.json"
PAUSE = 0.3  # seconds between two writes; hundreds of changes come in them

Held = dict[str, Any]

log = logging.getLogger(__name__)


class HeldFileDamaged(WalletError):
    """What the sandbox's Google held cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        super().__init__(
            f"The sandbox's Google cannot read what it held: {path} {why}. "
            "Delete that file to let it start with nothing; it has the cards again once they are written anew."
        )


def read_held(path: Path, issuer_id: str) -> Held:
    """Return what was kept in a file; without one, nothing.

    Raises:
        HeldFileDamaged: when it is not whole, or another issuer's.
    """
    try:
        held = json.loads(path.read_bytes())
        why = _damage(held, issuer_id)
    except FileNotFoundError:
        return {"issuerId": issuer_id, "loyaltyClass": {}, "loyaltyObject": {}, "saved": []}
    except (OSError, ValueError, RecursionError) as error:
        raise HeldFileDamaged(path, f"is no JSON file ({type(error).__name__})") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise HeldFileDamaged(path, "has another shape than it was given") from error
    if why:
        raise HeldFileDamaged(path, why)
    return dict(held)


def _damage(held: Held, issuer_id: str) -> str:
    """Return what is wrong with what was kept, or nothing."""
    if held["issuerId"] != issuer_id:
        return f"is of issuer {held['issuerId']!r} and not {issuer_id}"
    classes, objects = held["loyaltyClass"], held["loyaltyObject"]
    for key, each in (*classes.items(), *objects.items()):
        if each["id"] != key:
            return f"has {each['id']!r} under the id {key!r}"
    found = [fault for each in classes.values() for fault in faults("LoyaltyClass", _as_sent(each), partial=False)]
    found += [fault for each in objects.values() for fault in faults("LoyaltyObject", each, partial=False)]
    if found:
        return f"has a part that Google would not take ({found[0]})"
    strangers = {each["classId"] for each in objects.values()} - classes.keys() or set(held["saved"]) - objects.keys()
    return f"lacks {min(map(str, strangers))}" if strangers else ""


def _as_sent(held: Mapping[str, Any]) -> Held:
    """Return a class as it may be sent: the status that a review gives may not be."""
    return {**held, "reviewStatus": "UNDER_REVIEW"} if held["reviewStatus"] == "APPROVED" else dict(held)


class HeldFile:
    """Writes what is held to a file soon after it changes, on a thread of its own, a few times a second at the most.

    Every method may be called from any thread. `snapshot` is called on the writing one.
    """

    def __init__(self, path: Path, snapshot: Callable[[], Held]) -> None:
        self._path, self._snapshot = path, snapshot
        self._dirty = False
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-google-file", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Note that there is something to write."""
        self._dirty = True
        self._wake.set()

    def close(self) -> None:
        """Write what is not written yet, and end; what changes afterwards is not kept."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            self._wake.wait()
            self._wake.clear()
            last = self._closing.is_set()  # asked before the write, so that nothing slips in between
            if self._dirty:
                self._dirty = False
                self._write()
            self._closing.wait(PAUSE)

    def _write(self) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            fresh.unlink(missing_ok=True)
            fresh.touch(mode=0o600)  # names of members are in it
            fresh.write_text(json.dumps(self._snapshot(), ensure_ascii=False), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            self._dirty = True
            log.warning("What the sandbox's Google holds was not written to %s (%s).", self._path, error)
