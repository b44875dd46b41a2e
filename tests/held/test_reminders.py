"""What a trigger reminds of is told by Google once, as a message, and stands on the card as long as it is true."""

from pathlib import Path

import pytest
from actors import Clock, Shop
from held_actors import Holder, copied_template, delivered, looked

from wallet_service.sandbox.google import SandboxGoogle
from wallet_service.wiring import Service

TRIGGER = '[[trigger]]\ncode = "soon"\non = "points.expiring"\nlead = "P7D"\nnotify = ["pass"]\n'
FIELD = '\n[[back]]\nkey = "reminder"\nlabel = "Reminder"\nvalue = "reminder"\nchange = "Use them in time: %@"\n'


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Templates whose points die after a month, of which the card reminds a week before."""
    expiry = '[points]\nexpiry = { mode = "rolling", period = "P1M" }\n'
    folder = copied_template(tmp_path / "dying", "[points]\n", expiry, file="program.toml")
    for file, more in (("program.toml", TRIGGER), ("pass.toml", FIELD)):
        with (folder / "points" / file).open("a") as changed:
            changed.write(f"\n{more}")
    for words in folder.glob("points/locales/*.toml"):
        words.write_text('next_expiry = "{points} until {date}"\n' + words.read_text())
    return folder


def text(holder: Holder) -> str:
    """Return what the card reminds of at Google."""
    return next(str(each["body"]) for each in holder.shown()["textModulesData"] if each["id"] == "reminder")


@pytest.mark.parametrize("options", [{}, {"strict_notices": True}], ids=["silent", "strict"])
def test_a_reminder_is_a_message_and_a_text_of_the_card(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """It is told aloud in the template's words when it comes; the card says it until the points are dead."""
    shop.buy(12_000, order="1")
    delivered(service)
    assert text(ann) == "Nothing right now"
    clock.on(days=22, hours=12)  # from 1 June, 12:00 in Prague, to the first moment of the 24th
    service.calendar().settle()
    delivered(service)
    assert text(ann) == "120 points until Jun 30"
    (message,) = ann.shown()["messages"]
    assert (message["body"], message["messageType"]) == ("Use them in time: 120 points until Jun 30", "TEXT_AND_NOTIFY")
    told = [each.channel for each in google.notices()]
    assert told[-1] == "message"

    clock.on(days=8)
    service.calendar().settle()
    delivered(service)
    assert (text(ann), ann.balance()) == ("Nothing right now", 0)
    assert len(ann.shown()["messages"]) == 1
    assert looked(service).good


def test_a_fourth_reminder_of_a_day_is_read_and_not_heard(
    ann: Holder, shop: Shop, service: Service, google: SandboxGoogle, clock: Clock
) -> None:
    """Reminders count among the three messages of a day, which others may have used up."""
    for number in range(3):
        news = {"id": f"news-{number}", "header": "H", "body": "B", "messageType": "TEXT_AND_NOTIFY"}
        google.change("addMessage", "loyaltyObject", ann.target, {"message": news})
    shop.buy(12_000, order="1")
    clock.on(days=22, hours=12)
    for number in range(3):
        news = {"id": f"more-{number}", "header": "H", "body": "B", "messageType": "TEXT_AND_NOTIFY"}
        google.change("addMessage", "loyaltyObject", ann.target, {"message": news})
    service.calendar().settle()
    delivered(service)
    assert text(ann) == "120 points until Jun 30"
    heard = [each for each in google.notices() if each.channel == "message" and each.at == clock.now]
    assert len(heard) == 3
