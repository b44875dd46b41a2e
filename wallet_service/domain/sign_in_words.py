"""What letters say that let members sign in, or ask whether an address is theirs, in the languages that we speak."""

from collections.abc import Mapping
from typing import Literal

from wallet_service.domain.letters import Button, Letter

Sort = Literal["sign_in", "verify", "known"]

WORDS: Mapping[str, Mapping[Sort, tuple[str, tuple[str, ...], str]]] = {
    "en": {
        "sign_in": (
            "Your page at {program}",
            (
                "Somebody, you we hope, has asked for a link to your page at {program}.",
                "It works once, within 15 minutes. Whoever has it can see and change what is on your page, so give "
                "it to nobody.",
                "If it was not you, you need not do anything.",
            ),
            "Open my page",
        ),
        "verify": (
            "Is this your address? {program}",
            (
                "A card of {program} was asked for with this address. Press the button to say that it is yours, "
                "and to open your page with the card.",
                "The link works for three days.",
                "If it was not you, do not press it, or say there that it was not: nobody is a member by this letter.",
            ),
            "Confirm my address",
        ),
        "known": (
            "You have a card of {program} already",
            (
                "A card of {program} was asked for with this address, which belongs to a card that you have already.",
                "Press the button to keep that one: what is on the new card goes over to it. The link works for "
                "three days.",
                "If it was not you, you need not do anything: your card stays as it is.",
            ),
            "Keep the card that I have",
        ),
    },
    "ru": {
        "sign_in": (
            "Ваша страница в {program}",
            (
                "Кто-то, надеемся, вы, запросил ссылку на вашу страницу в {program}.",
                "Она сработает один раз, в течение 15 минут. С ней можно увидеть и изменить всё, что есть на вашей "
                "странице, поэтому никому её не передавайте.",
                "Если это были не вы, ничего делать не нужно.",
            ),
            "Открыть мою страницу",
        ),
        "verify": (
            "Это ваш адрес? {program}",
            (
                "С этим адресом запросили карту {program}. Нажмите кнопку, чтобы подтвердить, что адрес ваш, и "
                "открыть свою страницу с картой.",
                "Ссылка работает три дня.",
                "Если это были не вы, не нажимайте её или сообщите там, что это не вы: само письмо никого "
                "участником не делает.",
            ),
            "Подтвердить мой адрес",
        ),
        "known": (
            "У вас уже есть карта {program}",
            (
                "С этим адресом запросили карту {program}, а он относится к карте, которая у вас уже есть.",
                "Нажмите кнопку, чтобы оставить её: всё с новой карты перейдёт на неё. Ссылка работает три дня.",
                "Если это были не вы, ничего делать не нужно: ваша карта останется как есть.",
            ),
            "Оставить карту, которая у меня есть",
        ),
    },
    "cs": {
        "sign_in": (
            "Vaše stránka v {program}",
            (
                "Někdo, snad vy, si vyžádal odkaz na vaši stránku v {program}.",
                "Funguje jednou, do 15 minut. Kdo ho má, může vidět a měnit vše, co na vaší stránce je, proto ho "
                "nikomu nedávejte.",
                "Pokud jste to nebyli vy, nemusíte dělat nic.",
            ),
            "Otevřít mou stránku",
        ),
        "verify": (
            "Je to vaše adresa? {program}",
            (
                "S touto adresou si někdo vyžádal kartu {program}. Stisknutím tlačítka potvrdíte, že je vaše, a "
                "otevřete svou stránku s kartou.",
                "Odkaz funguje tři dny.",
                "Pokud jste to nebyli vy, tlačítko nemačkejte, nebo tam řekněte, že jste to nebyli vy: tímto "
                "dopisem se nikdo členem nestává.",
            ),
            "Potvrdit mou adresu",
        ),
        "known": (
            "Kartu {program} už máte",
            (
                "S touto adresou si někdo vyžádal kartu {program}. Adresa patří ke kartě, kterou už máte.",
                "Stisknutím tlačítka si ji ponecháte: co je na nové kartě, přejde na ni. Odkaz funguje tři dny.",
                "Pokud jste to nebyli vy, nemusíte dělat nic: vaše karta zůstane, jak je.",
            ),
            "Ponechat kartu, kterou mám",
        ),
    },
    "ro": {
        "sign_in": (
            "Pagina ta la {program}",
            (
                "Cineva, sperăm că tu, a cerut un link către pagina ta la {program}.",
                "Funcționează o singură dată, timp de 15 minute. Cine îl are poate vedea și schimba tot ce este pe "
                "pagina ta, așa că nu îl da nimănui.",
                "Dacă nu ai fost tu, nu trebuie să faci nimic.",
            ),
            "Deschide pagina mea",
        ),
        "verify": (
            "Este adresa ta? {program}",
            (
                "Cu această adresă s-a cerut un card {program}. Apasă butonul ca să confirmi că este a ta și ca să "
                "deschizi pagina ta cu cardul.",
                "Linkul funcționează trei zile.",
                "Dacă nu ai fost tu, nu apăsa, sau spune acolo că nu ai fost tu: nimeni nu devine membru prin "
                "această scrisoare.",
            ),
            "Confirm adresa mea",
        ),
        "known": (
            "Ai deja un card {program}",
            (
                "Cu această adresă s-a cerut un card {program}, iar adresa ține de un card pe care îl ai deja.",
                "Apasă butonul ca să îl păstrezi pe acela: ce este pe cardul nou trece pe el. Linkul funcționează "
                "trei zile.",
                "Dacă nu ai fost tu, nu trebuie să faci nimic: cardul tău rămâne cum este.",
            ),
            "Păstrez cardul pe care îl am",
        ),
    },
}


def letter(sort: Sort, language: str | None, *, program: str, sender: str, url: str) -> Letter:
    """Return a letter with the link to press, in that language or else in English; `program` is what it is called."""
    spoken = language if language in WORDS else "en"
    subject, paragraphs, button = WORDS[str(spoken)][sort]
    return Letter(
        kind="sign_in" if sort == "sign_in" else "verify",
        language=str(spoken),
        subject=subject.format(program=program),
        paragraphs=tuple(each.format(program=program) for each in paragraphs),
        button=Button(button, url),
        sender=sender,
    )
