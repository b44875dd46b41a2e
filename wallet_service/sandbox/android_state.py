"""What the Android phone holds, as plain data for scripts and tests."""

from typing import Any

from wallet_service.sandbox.android import Alert, AndroidPhone, SavedCard
from wallet_service.sandbox.android_fields import fields, said
from wallet_service.sandbox.state import moments


def android_state(android: AndroidPhone) -> dict[str, Any]:
    """Return the saved cards, the latest notification, and the timeline, oldest first.

    Times are ISO 8601. A field's `value` is a number or text, its `text` is what the phone shows.
    """
    alert = android.notification()
    return {
        "phone": android.name,
        "cards": [_card(card, android.language) for card in android.cards()],
        "notification": _notification(alert) if alert else None,
        "timeline": moments(android.timeline()),
    }


def _notification(alert: Alert) -> dict[str, Any]:
    return {
        "number": alert.number,
        "at": alert.at.isoformat(),
        "object_id": alert.object_id,
        "programme": alert.programme,
        "text": alert.text,
    }


def _card(card: SavedCard, language: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for each in fields(card.body, card.program, language).values():
        # An object's own field comes first, and keeps its key from one of the class with the same id.
        shown.setdefault(each.key, {"label": each.label, "value": each.value, "text": each.text})
    return {
        "object_id": card.object_id,
        "class_id": card.body["classId"],
        "state": card.body["state"],
        "issuer": said(card.program, "issuerName", language),
        "programme": said(card.program, "programName", language),
        "fields": shown,
        "barcode": card.body.get("barcode"),
        "updated_at": card.updated_at.isoformat(),
    }
