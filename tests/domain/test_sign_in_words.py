"""Letters that let members sign in say the same in each language, and lead where they should."""

import pytest

from wallet_service.domain.sign_in_words import WORDS, Sort, letter

SORTS: tuple[Sort, ...] = ("sign_in", "verify", "known")


@pytest.mark.parametrize("language", sorted(WORDS))
@pytest.mark.parametrize("sort", SORTS)
def test_a_letter_names_the_programme_and_leads_to_its_page(language: str, sort: Sort) -> None:
    """Subject and first words name the programme, the button leads to the link, and no placeholder is left."""
    written = letter(sort, language, program="Book Club", sender="Papermoth", url="https://cards.example/x")
    assert written.language == language
    assert written.kind == ("sign_in" if sort == "sign_in" else "verify")
    assert written.button is not None
    assert written.button.url == "https://cards.example/x"
    assert "Book Club" in written.subject
    assert "Book Club" in written.paragraphs[0]
    assert not any(sign in "".join((written.subject, *written.paragraphs, written.button.text)) for sign in "{}")
    assert len(written.paragraphs) == len(WORDS["en"][sort][1])
    assert not written.marketing


def test_whoever_speaks_another_language_gets_english() -> None:
    """A member whose language we do not write is written to in English."""
    assert letter("sign_in", "de", program="P", sender="S", url="u").language == "en"
    assert letter("sign_in", None, program="P", sender="S", url="u").language == "en"
