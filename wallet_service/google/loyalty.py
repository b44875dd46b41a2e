"""A template drawn as a loyalty class of Google Wallet, and a member's face as a loyalty object of it.

What is the same for every member stands on the class, in all languages of the template: Google picks the phone's.
So new terms are one change of the class, and not one of every card. What is the member's own stands on the object, in
the language that the face was drawn in. Members of both:
https://developers.google.com/wallet/reference/rest/v1/loyaltyclass
https://developers.google.com/wallet/reference/rest/v1/loyaltyobject
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from wallet_service.domain.face import Face, Stamps, Value
from wallet_service.domain.shown import plain
from wallet_service.domain.template import Template
from wallet_service.google.layout import POINTS, class_texts, field_path, members, rows, template_row
from wallet_service.google.parts import (
    HERO_IMAGE,
    PROGRAM_LOGO,
    Part,
    balance,
    barcode,
    both,
    filled,
    image,
    merchant_location,
    own_image,
)

DateText = Callable[[datetime, str], str]

ISSUER_ID = re.compile(r"[0-9]+")
SUFFIX = re.compile(r"[A-Za-z0-9._-]+")


def class_id(issuer_id: str, program_code: str) -> str:
    """Return the id of a programme's class.

    Raises:
        ValueError: when Google would refuse the id.
    """
    return _resource_id(issuer_id, f"program-{program_code}")


def object_id(issuer_id: str, serial_number: str) -> str:
    """Return the id of a card's object; it is seen in addresses and logs, and can never be deleted.

    Raises:
        ValueError: when Google would refuse the id.
    """
    return _resource_id(issuer_id, f"card-{serial_number}")


def loyalty_class(
    template: Template,
    *,
    issuer_id: str,
    art_url: Callable[[str], str],
    callback_url: str | None,
) -> dict[str, Any]:
    """Return the LoyaltyClass of a template; `art_url` gives the public address of an image by its name.

    The template's messages become text modules, as its texts do: `messages` of a class are for news, hold ten at the
    most, and are added one by one, so that a template that wrote them would wipe out the news each time.
    """
    look = template.look
    drawn = {
        "id": class_id(issuer_id, template.program.program.code),
        **both(template, "issuerName", look.brand.organization),
        **both(template, "programName", look.brand.program),
        "programLogo": image(template, art_url(PROGRAM_LOGO), look.brand.organization),
        "hexBackgroundColor": look.colors.background,
        "reviewStatus": "UNDER_REVIEW",  # a class that says APPROVED is refused, though it is
        "multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES",
        **_account_labels(template),
        "classTemplateInfo": _template_info(template),
        "textModulesData": _text_modules(template),
        "linksModuleData": _links(template),
        "merchantLocations": [merchant_location(each) for each in look.location],
    }
    if look.art.strip is not None:
        drawn["heroImage"] = image(template, art_url(HERO_IMAGE), look.brand.description)
    if callback_url is not None:
        drawn["callbackOptions"] = {"url": callback_url}
    return filled(drawn)


def iso_date(moment: datetime, _language: str) -> str:
    """Return a day as every reader can read it, if in nobody's own way: `2026-06-01`, in UTC."""
    return plain(moment)


def loyalty_object(
    face: Face,
    *,
    issuer_id: str,
    class_id: str,
    object_id: str,
    date: DateText = iso_date,
    stamps_url: Callable[[Stamps], str] | None = None,
) -> dict[str, Any]:
    """Return the LoyaltyObject of a face; the ids are those that `class_id` and `object_id` make.

    Of the fields only those with a role are drawn; the template's texts stand on the class. `date` writes a moment in
    a language, because Google's text modules hold nothing but text. `stamps_url` gives the public address of a banner
    with so many stamps; it is described by the field that says the same. An object that exists is changed with `change`
    of it: Google merges what it is sent, so by itself it would keep what the face shows no more, and two kinds of
    balance side by side are refused.

    Raises:
        ValueError: when an id is not the issuer's.
    """
    _check_issuer(issuer_id, class_id, object_id)
    if face.voided:
        return retired(object_id, class_id)
    drawn: Part = {"id": object_id, "classId": class_id, "state": "ACTIVE"}
    held = members((each.key, each.role) for each in face.fields())
    modules = []
    for each in face.fields():
        if each.role is None:
            continue
        text, member = _text(each.value, face.language, date), held[each.key]
        if text == "":
            continue
        if member is None:
            modules.append(filled({"id": each.key, "header": each.label, "body": text}))
        elif member in POINTS:
            drawn[member] = filled({"label": each.label, "balance": balance(each.value, text)})
        else:
            drawn[member] = text
    drawn["textModulesData"] = modules
    said = next((f"{each.label}: {each.value}" for each in face.fields() if each.role == "stamps"), None)
    if face.stamps is not None and said and stamps_url is not None:
        drawn["heroImage"] = own_image(stamps_url(face.stamps), said, face.language)
    if face.barcode.message:
        drawn["barcode"] = barcode(face.barcode)
    if face.expires_at is not None:
        drawn["validTimeInterval"] = {"end": {"date": face.expires_at.isoformat()}}
    return filled(drawn)


def retired(object_id: str, class_id: str) -> dict[str, Any]:
    """Return what is left of a card that is void: no barcode, nothing of the member's.

    Nothing can be deleted at Google, so `change` of it says what is gone.
    """
    return {"id": object_id, "classId": class_id, "state": "INACTIVE"}


def _resource_id(issuer_id: str, suffix: str) -> str:
    if not ISSUER_ID.fullmatch(issuer_id):
        raise ValueError(f"{issuer_id!r} is no issuer id. Copy the number from the Google Pay & Wallet console.")
    if not SUFFIX.fullmatch(suffix):
        raise ValueError(f"{suffix!r} cannot be part of an id. Use letters A to Z, digits, '.', '_' and '-'.")
    return f"{issuer_id}.{suffix}"


def _check_issuer(issuer_id: str, *ids: str) -> None:
    for each in ids:
        if not each.startswith(f"{issuer_id}."):
            raise ValueError(f"{each} is no id of issuer {issuer_id}. Make ids with class_id() and object_id().")


def _account_labels(template: Template) -> Part:
    """Return the labels of name and number; unlike those of points they stand on the class."""
    fields = [each for _, each in template.look.fields()]
    held = members((each.key, each.value) for each in fields)
    labels: Part = {}
    for each in fields:
        if held[each.key] in ("accountName", "accountId"):
            labels |= both(template, f"{held[each.key]}Label", each.label)
    return labels


def _template_info(template: Template) -> Part | None:
    """Return the rows of the card's front; without them Google shows a choice of its own."""
    look = template.look
    held = members((each.key, each.value) for _, each in look.fields())
    front = rows(look.header, look.primary, look.secondary + look.auxiliary)
    if not front:
        return None
    paths = ([field_path(each.key, each.value, held[each.key]) for each in row] for row in front)
    return {"cardTemplateOverride": {"cardRowTemplateInfos": [template_row(row) for row in paths]}}


def _text_modules(template: Template) -> list[Part]:
    look = template.look
    front, back = (
        [(each.key, each.label, each.text) for each in fields if each.text is not None]
        for fields in ((*look.header, *look.primary, *look.secondary, *look.auxiliary), look.back)
    )
    messages = [(each.key, each.header, each.body) for each in look.message]
    return [
        {"id": key, **both(template, "header", header), **both(template, "body", body)}
        for key, header, body in class_texts(front, messages, back)
    ]


def _links(template: Template) -> Part | None:
    uris = [
        {"id": f"link{number}", "uri": each.url, **both(template, "description", each.label)}
        for number, each in enumerate(template.look.link, start=1)
    ]
    return {"uris": uris} if uris else None


def _text(value: Value, language: str, date: DateText) -> str:
    return date(value, language) if isinstance(value, datetime) else plain(value)
