"""What a member has agreed to, with the texts as the form of the programme has them now; and what is changed of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from wallet_service.domain.event import Consent
from wallet_service.domain.join_form import text_version
from wallet_service.domain.look import TICKED
from wallet_service.domain.period import local_day
from wallet_service.usecases.agree import agreed
from wallet_service.web.joining import join_table, text_of
from wallet_service.web.session import SignedIn
from wallet_service.wiring import Service

SHORT = 8  # of a version's letters that a page shows


@dataclass(frozen=True, slots=True)
class Agreement:
    """Something to agree to, or not: its box's name, its text, and what was said of it, when, and on which wording.

    `fixed` is what had to be agreed to by joining, and ends by leaving alone. `newer` says that the text is another one
    by now.
    """

    name: str
    purpose: str
    channel: str | None
    text: str
    version: str
    granted: bool
    since: str | None
    agreed_version: str | None
    fixed: bool
    newer: bool


def agreements(service: Service, signed: SignedIn) -> list[Agreement]:
    """Return all that can be agreed to, and whatever else was; in the order of the form."""
    place = signed.place
    with service.read() as tx:
        said = {(each.consent.purpose, each.consent.channel): each for each in agreed(tx, signed.found.member.id)}
    table = join_table(place.template)
    texts: list[tuple[str, str | None, str, bool]] = [
        (name, None, getattr(table, name), True) for name in TICKED if getattr(table, name) is not None
    ]
    texts += [(each.purpose, each.channel, each.text, False) for each in table.consent]
    asked = {
        (purpose, channel): (text_of(place.template, place.lang, text), fixed)
        for purpose, channel, text, fixed in texts
    }
    other = {key: (None, key[0] in TICKED) for key, each in said.items() if key not in asked and each.consent.granted}
    words, zone = place.template.words[place.template.language(place.lang)], place.template.program.zone
    found = []
    for index, (key, (text, fixed)) in enumerate((asked | other).items()):
        given = said.get(key)
        version = text_version(text) if text is not None else None
        kept = given.consent.text_version if given else None
        granted = given is not None and given.consent.granted
        found.append(
            Agreement(
                name=f"consent-{index}",
                purpose=key[0],
                channel=key[1],
                text=text if text is not None else ", ".join(filter(None, key)),
                version=version or kept or "",
                granted=granted,
                since=words.date(local_day(given.at, zone)) if given else None,
                agreed_version=kept[:SHORT] if kept else None,
                fixed=fixed,
                newer=granted and bool(kept) and version is not None and kept != version,
            )
        )
    return [each for each in found if not each.fixed or each.granted]


def changed(service: Service, signed: SignedIn, form: Mapping[str, str]) -> list[Consent]:
    """Return what a form says otherwise than it was, with the version of the text that was shown beside the box."""
    return [
        Consent(each.purpose, bool(form.get(each.name)), each.channel, each.version or None)
        for each in agreements(service, signed)
        if not each.fixed and bool(form.get(each.name)) != each.granted
    ]
