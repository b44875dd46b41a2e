"""A drawn class or object as a change: Google merges what it is sent, so what is gone must be said to be null.

https://developers.google.com/wallet/reference/rest/v1/loyaltyobject/patch
"""

from collections.abc import Mapping
from typing import Any

LOCATIONS = "merchantLocations"  # which Google does not let every issuer use

# Every member that a drawing may leave out, and those inside members that merge; arrays are replaced as a whole.
_TEXTS: dict[str, Any] = {"translatedValues": None}
_IMAGE: dict[str, Any] = {"contentDescription": _TEXTS}
_POINTS: dict[str, Any] = {"label": None, "balance": {"string": None, "int": None, "money": None}}
CLASS: dict[str, Any] = {
    "localizedIssuerName": _TEXTS,
    "localizedProgramName": _TEXTS,
    "programLogo": _IMAGE,
    "heroImage": _IMAGE,
    "accountNameLabel": None,
    "localizedAccountNameLabel": _TEXTS,
    "accountIdLabel": None,
    "localizedAccountIdLabel": _TEXTS,
    "classTemplateInfo": None,
    "textModulesData": None,
    "linksModuleData": None,
    LOCATIONS: None,
    "callbackOptions": None,
}
OBJECT: dict[str, Any] = {
    "accountName": None,
    "accountId": None,
    "loyaltyPoints": _POINTS,
    "secondaryLoyaltyPoints": _POINTS,
    "heroImage": _IMAGE,
    "barcode": {"alternateText": None, "renderEncoding": None},
    "textModulesData": None,
    "validTimeInterval": None,
}


VOID: dict[str, Any] = {**OBJECT, "messages": None}  # which may tell of the member


def blank(drawn: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return every member that a drawing of this kind may leave out, and that must be gone then."""
    if "classId" not in drawn:
        return CLASS
    return VOID if drawn.get("state") == "INACTIVE" else OBJECT


def change(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a PATCH that makes Google's class or object be as drawn; what it lacks is null.

    What is not ours to draw stays as it is: `messages`, for one, unless the card is void.
    """
    return _laid_over(blank(drawn), drawn)


def _laid_over(blank: Mapping[str, Any], drawn: Mapping[str, Any]) -> dict[str, Any]:
    gone = dict.fromkeys(key for key in blank if key not in drawn)
    kept = {key: _laid_over(blank[key], value) if blank.get(key) else value for key, value in drawn.items()}
    return {**kept, **gone}
