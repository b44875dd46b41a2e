"""What the phone holds, as plain data for scripts and tests. No token is in it."""

from collections.abc import Iterable
from typing import Any

from wallet_service.sandbox.alerts import Notification
from wallet_service.sandbox.inbox import Heard
from wallet_service.sandbox.phone import HeldCard, Phone
from wallet_service.sandbox.timeline import Moment
from wallet_service.sandbox.values import shown
from wallet_service.sandbox.webhook import Exchange


def state(phone: Phone, last: Exchange | None) -> dict[str, Any]:
    """Return the cards, the latest notification and webhook, and the timeline, oldest first.

    Times are ISO 8601. A field's `value` is a whole number or text, its `text` is what the phone shows.
    """
    notification = phone.notification()
    return {
        "phone": phone.name,
        "cards": [_card(card, phone.language) for card in phone.cards()],
        "notification": _notification(notification) if notification else None,
        "timeline": moments(phone.timeline()),
        "webhook": _webhook(last) if last else None,
    }


def moments(timeline: Iterable[Moment]) -> list[dict[str, Any]]:
    """Return a phone's timeline."""
    return [
        {"number": each.number, "at": each.at.isoformat(), "kind": each.kind, "text": each.text} for each in timeline
    ]


def heard_state(heard: Iterable[Heard]) -> list[dict[str, Any]]:
    """Return what the shop's own endpoint was told, the newest first."""
    return [{"id": each.id, "type": each.type, "text": each.text, "at": each.at.isoformat()} for each in heard]


def _notification(notification: Notification) -> dict[str, Any]:
    return {
        "number": notification.number,
        "at": notification.at.isoformat(),
        "serial_number": notification.serial_number,
        "organization": notification.organization,
        "text": notification.text,
    }


def _webhook(last: Exchange) -> dict[str, Any]:
    return {
        "type": last.type,
        "id": last.headers["webhook-id"],
        "sent_at": last.sent_at.isoformat(),
        "status": last.status,
        "answer": last.answer,
        "advice": last.advice,
    }


def _card(card: HeldCard, language: str) -> dict[str, Any]:
    content = card.opened.content
    return {
        "serial_number": card.opened.serial_number,
        "pass_type_identifier": card.opened.pass_type_identifier,
        "organization": card.opened.organization,
        "style": card.opened.style,
        "fields": {
            field["key"]: {
                "slot": slot,
                "label": field.get("label", ""),
                "value": field["value"] if isinstance(field["value"], int) else str(field["value"]),
                "text": shown(field, language=language, now=card.updated_at),
            }
            for slot, field in card.opened.fields()
        },
        "barcodes": content.get("barcodes", []),
        "signed_at": card.opened.signed_at.isoformat(),
        "updated_at": card.updated_at.isoformat(),
        "last_modified": card.last_modified,
        "registered": card.registered,
        "automatic_updates": card.automatic_updates,
    }
