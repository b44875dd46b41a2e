"""What cards and letters say when a day has come; `[trigger]` of a locale may say it otherwise, by a trigger's code."""

from wallet_service.domain.letters import Button, Channel, Letter

REMINDER_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "member.birthday": "Happy birthday!",
        "member.anniversary": "It is your anniversary with us",
        "member.inactive": "We have not seen you for a while",
        "segment.entered": "There is something new for you",
    },
    "ru": {
        "member.birthday": "С днём рождения!",
        "member.anniversary": "У вас годовщина в нашей программе",
        "member.inactive": "Мы давно вас не видели",
        "segment.entered": "Для вас есть новости",
    },
    "cs": {
        "member.birthday": "Všechno nejlepší k narozeninám!",
        "member.anniversary": "Máte u nás výročí",
        "member.inactive": "Už jsme vás dlouho neviděli",
        "segment.entered": "Máme pro vás něco nového",
    },
    "ro": {
        "member.birthday": "La mulți ani!",
        "member.anniversary": "Este aniversarea ta la noi",
        "member.inactive": "Nu te-am mai văzut de ceva vreme",
        "segment.entered": "Avem noutăți pentru tine",
    },
}
# A phone tells only of a field that was on the card before, so one that announces is there while it has nothing to say.
NOTHING = {"en": "Nothing right now", "ru": "Пока ничего", "cs": "Zatím nic", "ro": "Deocamdată nimic"}
BUTTON = {"en": "Open my card", "ru": "Открыть мою карту", "cs": "Otevřít mou kartu", "ro": "Deschide cardul meu"}


def letter(channel: Channel, line: str, language: str, *, program: str, sender: str, url: str) -> Letter:
    """Return the letter that says a reminder's line and leads to the card; `program` is the programme's name."""
    said = f"{program}: {line}"
    if channel == "sms":
        return Letter("reminder", language, said, (said, url), sender=sender, channel=channel)
    button = Button(BUTTON.get(language, BUTTON["en"]), url)
    return Letter("reminder", language, said, (line,), button, sender)
