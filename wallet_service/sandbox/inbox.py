"""The shop's own endpoint: it hears what happens to its members, believes what is signed, and keeps the last of it."""

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from wallet_service.domain.errors import WalletError
from wallet_service.sandbox.timeline import Changes

KEPT = 20


class NotSigned(WalletError):
    """A message came to the shop's endpoint that is not signed with its secret."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it came, and in a few words what it says."""

    id: str
    type: str
    text: str
    at: datetime


class Inbox:
    """Takes messages from any thread; the same one again is taken, and kept once."""

    def __init__(self, secret: str, *, clock: Callable[[], datetime], changes: Changes) -> None:
        self._secret = Webhook(secret)
        self._clock = clock
        self._changes = changes
        self._lock = threading.Lock()
        self._kept: deque[Heard] = deque(maxlen=KEPT)

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check the signature as the reference library does, and keep what the message says.

        Raises: NotSigned.
        """
        named = {name.lower(): value for name, value in headers.items()}
        try:
            self._secret.verify(body, named)
            said = json.loads(body)
        # The library raises whatever it stumbles over in headers that are junk.
        except (WebhookVerificationError, ValueError, TypeError) as error:
            raise NotSigned("The message is not signed with the shop's secret.") from error
        heard = Heard(named["webhook-id"], str(said["type"]), _words(said.get("data", {})), self._clock())
        with self._lock:
            if heard.id in [each.id for each in self._kept]:
                return
            self._kept.append(heard)
        self._changes.mark()

    def kept(self) -> list[Heard]:
        """Return the last messages, the newest first."""
        with self._lock:
            return list(reversed(self._kept))


def _words(data: Mapping[str, Any]) -> str:
    parts = [f"{data['points']:+,} points" if "points" in data else "", str(data.get("wallet", ""))]
    parts += [f"{name} {data[name]}" for name in ("reward", "challenge") if name in data]
    parts += [f"balance {data['balance']:,}" if "balance" in data else ""]
    parts += [f"tier {data['tier']}" if data.get("tier") else ""]
    return ", ".join(part for part in parts if part)
