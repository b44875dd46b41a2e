"""What every letter says by itself, in the languages that we speak."""

LANGUAGE = "en"  # where a letter is in another

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "why": "You get this letter because you agreed to news by e-mail.",
        "unsubscribe": "Unsubscribe",
        "address": "If the button does not work, open this address:",
    },
    "ru": {
        "why": "Вы получили это письмо, потому что согласились на новости по электронной почте.",
        "unsubscribe": "Отписаться",
        "address": "Если кнопка не работает, откройте этот адрес:",
    },
    "cs": {
        "why": "Tento e-mail jste dostali, protože jste souhlasili se zasíláním novinek.",
        "unsubscribe": "Odhlásit odběr",
        "address": "Pokud tlačítko nefunguje, otevřete tuto adresu:",
    },
    "ro": {
        "why": "Ai primit acest mesaj pentru că ai acceptat noutăți prin e-mail.",
        "unsubscribe": "Dezabonare",
        "address": "Dacă butonul nu funcționează, deschide această adresă:",
    },
}
