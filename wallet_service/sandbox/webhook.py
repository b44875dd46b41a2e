"""One signed webhook and its answer, kept for people to read.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import requests
from standardwebhooks import Webhook

TIMEOUT = 10.0
LONGEST_ANSWER = 4000
SIGNATURE_SHOWN = 11
FAILED = "The service failed; its log says why. A shop would send the same event again until it is taken."
ADVICE = {
    401: "The service does not accept the signature. The shop's secret must be the one of this webhook address.",
    403: "The service does not accept the signature. The shop's secret must be the one of this webhook address.",
    404: "There is no webhook at this address. Check dialect and source in the URL.",
    409: "This event came before with other content, or it does not fit the ledger.",
    429: "The service asks the shop to slow down. Send again later.",
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A webhook as it was sent, with its signature cut short, and the answer.

    `status` is None until an answer came, and for good if none did; then `advice` says so. `took` is in seconds.
    """

    type: str
    url: str
    headers: dict[str, str]
    body: str
    sent_at: datetime
    status: int | None = None
    answer: str = ""
    took: float | None = None
    advice: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the service took the event."""
        return self.status is not None and 200 <= self.status < 300


def send(
    kind: str, data: dict[str, Any], *, url: str, secret: str, http: requests.Session, now: datetime
) -> Iterator[Exchange]:
    """Sign and post an event; yield the exchange as it goes out, and again with its answer."""
    event_id = f"msg_{secrets.token_hex(12)}"
    body = json.dumps({"type": kind, "timestamp": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "data": data}, indent=2)
    signature = Webhook(secret).sign(event_id, now, body)
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
    }
    shown = headers | {"webhook-signature": f"{signature[:SIGNATURE_SHOWN]}…"}
    sent = Exchange(kind, url, shown, body, now)
    yield sent
    started = time.perf_counter()
    try:
        answer = http.post(
            url,
            data=body.encode(),
            headers=headers | {"webhook-signature": signature},
            timeout=TIMEOUT,
            allow_redirects=False,
        )
    except requests.RequestException as failure:
        why = f"No answer from {url} ({type(failure).__name__}). Is the service running there?"
        yield replace(sent, took=time.perf_counter() - started, advice=why)
        return
    yield replace(
        sent,
        status=answer.status_code,
        answer=answer.text[:LONGEST_ANSWER],
        took=time.perf_counter() - started,
        advice=_advice(answer.status_code),
    )


def _advice(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return ADVICE.get(status, FAILED if status >= 500 else "The service refused the event. Its answer says why.")
