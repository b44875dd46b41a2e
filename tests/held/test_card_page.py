"""The page on which a member chooses a wallet."""

from collections.abc import Callable

import pytest
from held_actors import Holder

from wallet_service.web.words import WORDS

Member = Callable[..., Holder]


def page(holder: Holder, languages: str = "") -> str:
    """The page's text, for a browser that prefers these languages."""
    answer = holder.client.get(holder.page, headers={"Accept-Language": languages} if languages else {})
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("locale", ["en", "ru", "cs", "ro"])
def test_page_speaks_the_members_language(member: Member, locale: str) -> None:
    """The page is in the member's language, marked as such, and offers the wallet that is set up, and no other."""
    ann = member("ann", locale=locale)
    text = page(ann, "de")

    assert f'<html lang="{locale}">' in text
    assert WORDS[locale]["apple"] not in text
    assert f'href="{ann.page}/google" rel="nofollow">{WORDS[locale]["google"]}</a>' in text


@pytest.mark.parametrize(
    ("locale", "languages", "spoken"),
    [
        ("cs-CZ", "ru", "cs"),
        (None, "ru-RU,ru;q=0.9,en;q=0.1", "ru"),
        (None, "de, ro;q=0.5, en;q=0.3", "ro"),
        (None, "de", "en"),
        (None, "", "en"),
        ("de", "cs", "cs"),
    ],
)
def test_language_is_the_members_then_the_browsers(
    member: Member, locale: str | None, languages: str, spoken: str
) -> None:
    """The member's own language counts first, then what the browser prefers, then English."""
    ann = member("ann", **({"locale": locale} if locale else {}))

    assert f'<html lang="{spoken}">' in page(ann, languages)


def test_page_of_a_card_that_google_holds(ann: Holder) -> None:
    """A card that is held already is offered as before, since there may be one phone more."""
    assert 'id="add-google"' in page(ann)
