"""What the page says on which somebody wants no more letters, in the languages that we speak."""

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Unsubscribe",
        "ask": "Shall {organization} send you no more news by e-mail? Your card and your points stay as they are.",
        "button": "Send me no more news",
        "done_title": "You are unsubscribed",
        "done": "{organization} sends you no more news by e-mail.",
    },
    "ru": {
        "title": "Отписка",
        "ask": "Больше не присылать вам новости {organization} по почте? Карта и баллы останутся у вас.",
        "button": "Не присылать мне новости",
        "done_title": "Вы отписались",
        "done": "Новости {organization} больше не будут приходить вам по почте.",
    },
    "cs": {
        "title": "Odhlášení novinek",
        "ask": "Nemá vám už {organization} posílat novinky e-mailem? Karta i body vám zůstanou.",
        "button": "Neposílejte mi novinky",
        "done_title": "Novinky jsou odhlášené",
        "done": "{organization} vám už nebude posílat novinky e-mailem.",
    },
    "ro": {
        "title": "Dezabonare",
        "ask": "Să nu-ți mai trimită {organization} noutăți prin e-mail? Cardul și punctele tale rămân.",
        "button": "Nu-mi mai trimiteți noutăți",
        "done_title": "Te-ai dezabonat",
        "done": "{organization} nu îți mai trimite noutăți prin e-mail.",
    },
}
