"""What pages say to customers, in the languages that we speak."""

from collections.abc import Iterable

LANGUAGES = ("en", "ru", "cs", "ro")

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "add": "Add your card to your phone",
        "apple": "Add to Apple Wallet",
        "google": "Add to Google Wallet",
        "hint": "Your balance and tier on the card change by themselves after every purchase.",
        "void": "This card is no longer valid.",
        "later": "Google Wallet cannot take the card at the moment. Please try again in a minute.",
        "back": "Back to the card",
    },
    "ru": {
        "add": "Добавьте карту в телефон",
        "apple": "Добавить в Apple Wallet",
        "google": "Добавить в Google Кошелёк",
        "hint": "Баланс и уровень на карте меняются сами после каждой покупки.",
        "void": "Эта карта больше не действует.",
        "later": "Google Кошелёк сейчас не может принять карту. Попробуйте ещё раз через минуту.",
        "back": "Назад к карте",
    },
    "cs": {
        "add": "Přidejte si kartu do telefonu",
        "apple": "Přidat do Apple Peněženky",
        "google": "Přidat do Peněženky Google",
        "hint": "Zůstatek a úroveň se na kartě po každém nákupu změní samy.",
        "void": "Tato karta už neplatí.",
        "later": "Peněženka Google teď kartu nemůže přijmout. Zkuste to prosím za minutu znovu.",
        "back": "Zpět ke kartě",
    },
    "ro": {
        "add": "Adaugă cardul în telefon",
        "apple": "Adaugă în Apple Wallet",
        "google": "Adaugă în Google Wallet",
        "hint": "Soldul și nivelul de pe card se schimbă singure după fiecare cumpărătură.",
        "void": "Acest card nu mai este valabil.",
        "later": "Google Wallet nu poate primi cardul în acest moment. Încearcă din nou peste un minut.",
        "back": "Înapoi la card",
    },
}


def language(wanted: Iterable[str | None]) -> str:
    """Return the first of the wanted languages that we speak ("cs-CZ" finds "cs"), else English."""
    for each in wanted:
        short = (each or "").replace("_", "-").split("-")[0].lower()
        if short in WORDS:
            return short
    return LANGUAGES[0]
