"""All that is kept about one person, for whoever has a right to ask for it."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from wallet_service.domain.earning import Order
from wallet_service.domain.letters import Suppression
from wallet_service.domain.program import Program
from wallet_service.storage import (
    consents,
    identities,
    installs,
    letters,
    links,
    objections,
    orders,
    programs,
    redemptions,
    suppressed,
    typed_addresses,
)
from wallet_service.storage.members import Found
from wallet_service.storage.vault import Vault
from wallet_service.usecases.export import for_member
from wallet_service.usecases.statement import statement


def portray(tx: Connection, vault: Vault, found: Found, program: Program) -> dict[str, Any]:
    """Return everything about a member, as JSON can say it but for times: person, consents, card, orders, points.

    What belongs to the merchant's staff, or is a secret of a card, is not among it.
    """
    member = found.member
    known = identities.of_member(tx, vault, member.id)
    told = for_member(statement(tx, member, program))
    return {
        "member": {
            "id": member.public_id,
            "external_id": member.external_id,
            "enrolled_at": member.enrolled_at,
            "name": member.profile.name,
            "locale": member.profile.locale,
            "birthday": "{:02}-{:02}".format(*member.profile.birthday) if member.profile.birthday else None,
            "cause": member.profile.cause,
        },
        "identities": [
            {"kind": each.kind, "value": each.value, "verified_at": verified_at} for each, verified_at in known
        ],
        "typed_addresses": [
            {"kind": each.kind, "value": each.value, "typed_at": typed_at}
            for each, typed_at in typed_addresses.of_member(tx, vault, member.id)
        ],
        "consents": [
            asdict(each.consent) | {"source": each.source, "at": each.at} for each in consents.history(tx, member.id)
        ],
        "card": {
            "serial_number": member.card.serial_number,
            "code": member.card_code,
            "revision": member.card.revision,
            "voided": member.voided,
        },
        "wallets": [asdict(each) for each in installs.of_member(tx, member.id)],
        "links": [asdict(each) for each in links.visits_of(tx, member.id)],
        "letters": [
            {"id": each.public_id, "channel": each.channel, "kind": each.kind, "state": each.state}
            | {"created_at": each.created_at, "settled_at": each.settled_at}
            for each in letters.of_member(tx, member.id)
        ],
        "not_written_to": [asdict(each) for each in _suppressions(tx, vault, found, [one.value for one, _ in known])],
        "objects_to_counting_since": objections.since(tx, member.id),
        "orders": [_order(each) for each in orders.of_member(tx, member.id)],
        "redemptions": [
            {
                "id": each.public_id,
                "reward": each.reward,
                "points": each.points,
                "status": each.status,
                "created_at": each.created_at,
            }
            for each in redemptions.of(tx, member.id)
        ],
        "statement": [asdict(each) for each in told.lines],
        "lots": [asdict(each) for each in told.lots],
    }


def _suppressions(tx: Connection, vault: Vault, found: Found, addresses: list[str]) -> list[Suppression]:
    """Return why the member's addresses are not written to; marks of them are kept."""
    merchant_id = programs.by_id(tx, found.program_id).merchant_id
    marks = [mark for each in addresses for mark in suppressed.marks_of(vault, each)]
    return [each for some in suppressed.of(tx, merchant_id, marks).values() for each in some]


def _order(order: Order) -> dict[str, Any]:
    purchase = order.purchase
    return {
        "order_id": order.order_id,
        "paid_at": purchase.paid_at if purchase else None,
        "eligible_minor": purchase.eligible_minor if purchase else None,
        "refunded_minor": order.refunded_minor,
        "points": order.kept,
        "lines": [asdict(each) for each in purchase.lines] if purchase else [],
    }
