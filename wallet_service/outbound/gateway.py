"""Hands short messages to a gateway by HTTP, to an address that was checked, and reads its answers."""

import json
from datetime import datetime

from wallet_service.domain.letters import Fate, Mail, Outcome
from wallet_service.domain.outbound import Answer
from wallet_service.outbound.courier import Courier


class Gateway:
    """Carries short messages to one gateway, each under an id by which it can tell a repeat."""

    def __init__(self, url: str, *, token: str, courier: Courier) -> None:
        self._url = url
        self._headers = {"authorization": f"Bearer {token}"}
        self._courier = courier

    def send(self, mail: Mail, *, at: datetime) -> Outcome:
        """Hand a short message over, and return what became of it."""
        body = json.dumps({"id": mail.id, "to": mail.to, "text": mail.letter.message}).encode()
        answer = self._courier.post(self._url, body, self._headers, at=at)
        return Outcome(_fate(answer), None if answer.taken else f"the gateway {answer}")

    def close(self) -> None:
        """Let go of the connections that are kept."""
        self._courier.close()


def _fate(answer: Answer) -> Fate:
    """Return what an answer means; a refused token, or an address that is not ours to reach, is wrong with all."""
    status = answer.status
    if answer.taken:
        return "sent"
    if status is None:
        return "stop" if answer.error in ("private_address", "tls") else "away"
    if status == 429 or status >= 500:
        return "later"
    return "stop" if status in (401, 403) or status < 400 else "refused"
