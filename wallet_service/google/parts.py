"""The parts that classes and objects of Google Wallet are made of: texts in all languages, images, barcodes, balances.

https://developers.google.com/wallet/reference/rest/v1/loyaltyclass
"""

from typing import Any

from wallet_service.domain.face import Barcode, Location, Money, Value
from wallet_service.domain.look import LocationTable
from wallet_service.domain.template import Template

PROGRAM_LOGO = "programLogo.png"
HERO_IMAGE = "heroImage.png"
BARCODE_TYPES = {"qr": "QR_CODE", "pdf417": "PDF_417", "aztec": "AZTEC", "code128": "CODE_128"}
MICROS = 1_000_000

Part = dict[str, Any]


def filled(part: Part) -> Part:
    """Return the part without members that are empty; zero is a value."""
    return {key: value for key, value in part.items() if value not in (None, "", [], {})}


def localized(template: Template, text: str) -> Part:
    """Return a LocalizedString: the text in the template's default language, then in each of its others."""
    default = template.look.default_language
    others = sorted(template.words.keys() - {default})
    said = {each: {"language": each, "value": template.words[each].text(text)} for each in (default, *others)}
    return filled({"defaultValue": said[default], "translatedValues": [said[each] for each in others]})


def both(template: Template, name: str, text: str) -> Part:
    """Return a text under its plain name in the default language, and under its localised name in all of them."""
    strings = localized(template, text)
    return {name: strings["defaultValue"]["value"], f"localized{name[0].upper()}{name[1:]}": strings}


def image(template: Template, url: str, text: str) -> Part:
    """Return an Image that Google fetches from an address without signing in; the text is read aloud."""
    return {"sourceUri": {"uri": url}, "contentDescription": localized(template, text)}


def own_image(url: str, text: str, language: str) -> Part:
    """Return an Image of one card alone, which is described in the language of that card."""
    return {"sourceUri": {"uri": url}, "contentDescription": {"defaultValue": {"language": language, "value": text}}}


def merchant_location(place: Location | LocationTable) -> Part:
    """Return a MerchantLocation; it has no text of its own."""
    return {"latitude": place.latitude, "longitude": place.longitude}


def barcode(drawn: Barcode) -> Part:
    """Return a Barcode; only a QR code may name its encoding, and needs to only beyond ASCII."""
    needs_encoding = drawn.format == "qr" and not drawn.message.isascii()
    return filled(
        {
            "type": BARCODE_TYPES[drawn.format],
            "value": drawn.message,
            "alternateText": drawn.alt_text,
            "renderEncoding": "UTF_8" if needs_encoding else None,
        }
    )


def balance(value: Value, text: str) -> Part:
    """Return a LoyaltyPointsBalance as exact as Google can hold it: a 32-bit number, money in micros, or the text."""
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return {"int": value}
    if isinstance(value, Money) and (exact := micros(value)) is not None:
        return {"money": {"currencyCode": value.currency, "micros": str(exact)}}
    return {"string": text}


def micros(money: Money) -> int | None:
    """Return the amount in millionths of a whole unit, whatever its decimals; None if it is no such 64-bit number."""
    exact, rest = divmod(money.minor * MICROS, 10**money.exponent)
    return exact if rest == 0 and -(2**63) <= exact < 2**63 else None
