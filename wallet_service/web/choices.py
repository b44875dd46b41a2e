"""Which buttons somebody gets: those of the phone in hand, both and a code on a computer, a way out of an app."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from flask import request, url_for
from markupsafe import Markup

from wallet_service.domain.visitors import SOME_APP, Visitor, Wallet, visitor
from wallet_service.posters.pictures import inline_svg
from wallet_service.web.words import LANGUAGES, OWN_NAMES, WORDS, language
from wallet_service.wiring import Service

PHONES = ("ios", "android")
ALL = "all"  # the parameter by which somebody asks for the buttons of every phone
LANGUAGE = "lang"


@dataclass(frozen=True, slots=True)
class Button:
    """A way into one wallet; `post` says that pressing it changes something, so that it is a form's."""

    wallet: Wallet
    label: str
    url: str
    post: bool
    badge_url: str | None


@dataclass(frozen=True, slots=True)
class Choices:
    """What a page offers to whoever opens it.

    `app` is the name of the app whose browser it is, empty for one that gives none, None for a real browser; such a
    page is better opened in a real one at `address`, by `intent_url` where a link can do that. `qr` is a code of the
    address.
    """

    buttons: tuple[Button, ...]
    address: str
    other_url: str | None
    qr: Markup | None
    app: str | None
    intent_url: str | None


def who() -> Visitor:
    """Return who sends this request."""
    return visitor(request.method, {name.lower(): value for name, value in request.headers})


def asked_language(*known: str | None) -> str:
    """Return the language that was asked for, else the first of the known ones, else what the browser prefers."""
    return language([request.args.get(LANGUAGE), *known, *(each for each, _ in request.accept_languages)])


def languages() -> list[tuple[str, str, str]]:
    """Return code, own name and address of this page in each language."""
    return [(each, OWN_NAMES[each], here(**{LANGUAGE: each})) for each in LANGUAGES]


def here(**more: str) -> str:
    """Return the address of this page, in the language that was asked for, with these parameters."""
    values: dict[str, Any] = (request.view_args or {}) | spoken() | more
    return url_for(str(request.endpoint), **values)


def at(endpoint: str, **values: str | None) -> str:
    """Return the address of another page of ours, in the language that was asked for."""
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    return url_for(endpoint, **(given | spoken()))


def spoken() -> dict[str, str]:
    """Return the parameter that keeps the language which was asked for on the way to another page."""
    asked = request.args.get(LANGUAGE, "")
    return {LANGUAGE: asked} if asked in LANGUAGES else {}


def choices(
    service: Service, by: Visitor, lang: str, *, address: str, apple_url: str | None, google_url: str | None, post: bool
) -> Choices:
    """Return what is offered to a visitor; a wallet without an address is not served here."""
    words = WORDS[lang]
    given = {"apple": apple_url, "google": google_url}
    every = [_button(service, name, given[name], words, lang, post=post) for name in _order(by) if given[name]]
    fitting = [] if request.args.get(ALL) else [each for each in every if each.wallet == by.wallet]
    shown = fitting or every
    return Choices(
        buttons=tuple(shown),
        address=address,
        other_url=here(**{ALL: "1"}) if len(shown) < len(every) else None,
        qr=None if by.device in PHONES else _code(address, words["qr"]),
        app=None if by.app is None else "" if by.app == SOME_APP else by.app,
        intent_url=_intent(address) if by.app and by.device == "android" else None,
    )


def _code(address: str, label: str) -> Markup:
    return Markup(inline_svg(address, label=label))  # noqa: S704


def _order(by: Visitor) -> tuple[Wallet, ...]:
    return ("google", "apple") if by.wallet == "google" else ("apple", "google")


def _button(
    service: Service, wallet: Wallet, url: str | None, words: dict[str, str], lang: str, *, post: bool
) -> Button:
    name = next((each for each in (f"{wallet}-{lang}", wallet) if each in service.badges), None)
    badge = service.badges[name] if name else None
    badge_url = url_for("links.badge", name=name, v=badge.version) if badge else None
    return Button(wallet, words[wallet], url or "", post, badge_url)


def _intent(address: str) -> str:
    """Return the link that has Android open an address in Chrome: https://developer.chrome.com/docs/android/intents."""
    parts = urlsplit(address)
    fallback = quote(address, safe="")
    return (
        f"intent://{parts.netloc}{parts.path}#Intent;scheme={parts.scheme};package=com.android.chrome;"
        f"S.browser_fallback_url={fallback};end"
    )


def page_parts(lang: str, **more: Any) -> dict[str, Any]:
    """Return what every page for customers is rendered with."""
    return {"lang": lang, "words": WORDS[lang], "languages": languages()} | more
