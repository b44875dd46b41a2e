"""Triggers that notify by letters: once for each firing, to members who agreed, with what the card would say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs
from town import Town, moment, rules

from wallet_service.apple.identity import Identity as AppleIdentity
from wallet_service.config import Settings
from wallet_service.domain.errors import TemplateRefused
from wallet_service.domain.event import Consent, Customer, MemberEnrolled, MemberUpdated
from wallet_service.domain.identity import Identity
from wallet_service.domain.letters import Letter, Mail, Outcome
from wallet_service.storage import letters, members, suppressed
from wallet_service.usecases.erase import erase
from wallet_service.usecases.operate import OpenProgram, operate
from wallet_service.wiring import build

Opened = Callable[[str], Town]
ROLLING = 'expiry = { mode = "rolling", period = "P1M" }'
BY_BOTH = 'notify = ["pass", "email"]'
ANN, PHONE = Identity("email", "ann@home.example"), Identity("phone", "+420601123456")
AGREED = Consent("marketing", granted=True)
BIRTHDAY: dict[str, Any] = {"birthday": (8, 14), "consents": (AGREED,)}


def birthday(notify: str = BY_BOTH, more: str = "") -> str:
    """Return rules in which a birthday is told."""
    return rules(more=f'[[trigger]]\ncode = "day"\non = "member.birthday"\n{notify}\n{more}')


def expiring(notify: str = BY_BOTH, more: str = "") -> str:
    """Return rules in which points are told of that die within a week."""
    said = f'[[trigger]]\ncode = "soon"\non = "points.expiring"\nlead = "P7D"\n{notify}\n{more}'
    return rules(points=ROLLING, more=said)


def join(here: Town, *identities: Identity, customer: str = "ann", locale: str | None = None, **more: Any) -> None:
    """Enrol somebody who is known by these."""
    here.say("member.enrolled", MemberEnrolled(Customer(id=customer, identities=identities), None, locale, **more))


def until(here: Town, when: str) -> None:
    """Let the calendar do its work to the end at that moment."""
    here.clock.now = moment(when)
    while here.sweep().settled:
        pass


def written(here: Town) -> list[tuple[str, Letter]]:
    """Return the letters that wait, with their addresses."""
    rows = here.rows("SELECT sealed FROM letters WHERE state = 'waiting' ORDER BY id")
    return [letters.opened(here.service.vault, bytes(sealed)) for (sealed,) in rows]


def states(here: Town) -> list[tuple[str, str | None]]:
    """Return what became of every letter, and why."""
    return [(state, why) for state, why in here.rows("SELECT state, last_error FROM letters ORDER BY id")]


def fired(here: Town) -> int:
    """Return how often triggers have fired."""
    (((number),),) = here.rows("SELECT count(*) FROM trigger_firings")
    return int(number)


def sent_by(here: Town) -> list[Mail]:
    """Send what waits, and return what went."""
    got: list[Mail] = []

    class Bag:
        def send(self, mail: Mail, *, at: object) -> Outcome:  # noqa: ARG002
            got.append(mail)
            return Outcome("sent")

        def close(self) -> None:
            pass

    for post in (here.service.post, here.service.texts):
        assert post is not None
        replace(post, carrier=Bag()).deliver()
    return got


@pytest.mark.parametrize(
    ("locale", "line", "button"),
    [
        ("en", "Happy birthday!", "Open my card"),
        ("ru-RU", "С днём рождения!", "Открыть мою карту"),  # noqa: RUF001
        ("cs", "Všechno nejlepší k narozeninám!", "Otevřít mou kartu"),
        ("ro", "La mulți ani!", "Deschide cardul meu"),
        ("fi", "Happy birthday!", "Open my card"),
    ],
)
def test_a_letter_says_what_the_card_says(town: Opened, locale: str, line: str, button: str) -> None:
    """In the member's language it names the programme, says the reminder's line, and leads to the card's page."""
    here = town(birthday())
    join(here, ANN, locale=locale, **BIRTHDAY)
    until(here, "2026-08-13 21:59")
    assert written(here) == []
    until(here, "2026-08-13 22:00")
    ((to, letter),) = written(here)
    program = here.service.template("points").blank(locale).program
    assert (to, letter.kind, letter.subject) == (ANN.value, "reminder", f"{program}: {line}")
    assert letter.paragraphs == (line,)
    assert letter.button is not None
    assert (letter.button.text, letter.button.url) == (button, here.service.link(here.member().card.serial_number))


def test_once_for_each_firing(town: Opened) -> None:
    """The trigger's own limit counts: a letter each year, and none for whatever else happens meanwhile."""
    here = town(birthday(more='limit = { times = 1, per = "lifetime" }\n'))
    join(here, ANN, **BIRTHDAY)
    until(here, "2026-08-14 10:00")
    here.buy(5_000, order="a")
    here.say("member.updated", MemberUpdated(Customer(id="ann"), birthday=(8, 16)))
    for day in ("2026-08-15 10:00", "2026-08-16 10:00", "2027-08-16 10:00"):
        until(here, day)
    assert (len(states(here)), fired(here)) == (1, 1)


def test_each_year_again(town: Opened) -> None:
    """Where nothing limits it, a birthday is written of each year."""
    here = town(birthday())
    join(here, ANN, **BIRTHDAY)
    until(here, "2026-08-14 10:00")
    until(here, "2027-08-14 10:00")
    assert (len(states(here)), fired(here)) == (2, 2)


@pytest.mark.parametrize(
    ("identities", "consents"),
    [
        ((ANN,), ()),
        ((ANN,), (Consent("marketing", granted=False),)),
        ((ANN,), (Consent("marketing", granted=True, channel="sms"),)),
        ((ANN,), (AGREED, Consent("marketing", granted=False, channel="email"))),
        ((ANN,), (Consent("profiling", granted=True),)),
        ((), (AGREED,)),
        ((PHONE,), (AGREED,)),
    ],
)
def test_without_consent_or_address_nothing_is_written(
    town: Opened, identities: tuple[Identity, ...], consents: tuple[Consent, ...]
) -> None:
    """Whoever has not agreed to news by e-mail, or has no address, has the card's reminder alone."""
    here = town(birthday())
    join(here, *identities, birthday=(8, 14), consents=consents)
    until(here, "2026-08-14 10:00")
    assert (states(here), fired(here)) == ([], 1)
    assert [each.trigger for each in here.member().position.reminders] == ["day"]


def test_whoever_wants_no_more_letters(town: Opened) -> None:
    """An address that is suppressed is not written to, and the trigger fires all the same."""
    here = town(birthday())
    join(here, ANN, **BIRTHDAY)
    with here.service.begin() as tx:
        merchant_id = tx.execute(text("SELECT merchant_id FROM programs")).scalar_one()
        suppressed.add(
            tx, merchant_id, suppressed.marks_of(here.service.vault, ANN.value)[0], "complained", now=here.clock.now
        )
    until(here, "2026-08-14 10:00")
    assert (states(here), fired(here)) == ([("dropped", "suppressed")], 1)


def test_consent_that_is_withdrawn_meanwhile(town: Opened) -> None:
    """Whoever takes the consent back before a letter is sent does not get it; else it goes with a way out."""
    here = town(birthday())
    join(here, ANN, **BIRTHDAY)
    join(here, Identity("email", "bob@home.example"), customer="bob", **BIRTHDAY)
    until(here, "2026-08-14 10:00")
    here.say("member.updated", MemberUpdated(Customer(id="ann"), consents=(Consent("marketing", granted=False),)))
    (mail,) = sent_by(here)
    assert (mail.to, mail.letter.kind) == ("bob@home.example", "reminder")
    assert mail.unsubscribe_url is not None
    assert set(states(here)) == {("dropped", "no_consent"), ("sent", None)}


def test_a_letter_that_is_too_late(town: Opened) -> None:
    """What the card reminds of no more is not sent either, however long the mail server was away."""
    here = town(birthday())
    join(here, ANN, **BIRTHDAY)
    until(here, "2026-08-14 10:00")
    assert here.rows("SELECT until FROM letters") == [(moment("2026-08-20 22:00"),)]
    here.clock.now = moment("2026-08-20 22:01")
    assert sent_by(here) == []
    assert states(here) == [("dropped", "too_late")]


def test_points_that_die(town: Opened) -> None:
    """How many until when is said as the card says it, and with each day's points once."""
    here = town(expiring())
    join(here, ANN, consents=(AGREED,))
    here.buy(12_000, order="a")
    until(here, "2026-06-23 21:59")
    assert written(here) == []
    until(here, "2026-06-23 22:00")
    here.refund(2_000, order="a")
    until(here, "2026-06-25 22:00")
    ((_, letter),) = written(here)
    assert letter.paragraphs == ("120 points until Jun 30",)


def test_what_the_trigger_itself_undoes_is_not_written(town: Opened) -> None:
    """Points that live longer by what the same trigger gives are no news: the card says nothing either."""
    said = f'[[trigger]]\ncode = "soon"\non = "points.expiring"\nlead = "P7D"\n{BY_BOTH}\npoints = 5\n'
    here = town(rules(points='expiry = { mode = "inactivity", period = "P2M" }', more=said))
    join(here, ANN, consents=(AGREED,))
    here.buy(5_000, order="a")
    until(here, "2026-07-24 22:00")
    (shown,) = here.member().position.reminders
    assert (shown.stands, states(here), fired(here)) == (False, [], 1)


def test_by_letters_alone(town: Opened) -> None:
    """Without "pass" the card says nothing, and needs no field for it."""
    here = town(birthday('notify = ["email"]'))
    join(here, ANN, **BIRTHDAY)
    until(here, "2026-08-14 10:00")
    assert [to for to, _ in written(here)] == [ANN.value]
    assert here.member().position.reminders == ()
    assert here.rows("SELECT told_through FROM trigger_firings") == [(None,)]


def test_by_short_message(town: Opened) -> None:
    """With "sms" one goes to the phone, and both where both are said; each needs consent for its own channel."""
    here = town(birthday('notify = ["sms", "email"]'))
    join(here, ANN, PHONE, **BIRTHDAY)
    only = Consent("marketing", granted=True, channel="sms")
    join(here, Identity("email", "bob@home.example"), Identity("phone", "+420601123457"), customer="bob",
         birthday=(8, 14), consents=(only,))  # fmt: skip
    until(here, "2026-08-14 10:00")
    assert sorted(to for to, _ in written(here)) == ["+420601123456", "+420601123457", "ann@home.example"]
    message = next(letter.message for to, letter in written(here) if to == PHONE.value)
    program = here.service.template("points").blank("en").program
    assert message == f"{program}: Happy birthday!\n{here.service.link(here.member().card.serial_number)}"
    assert {mail.letter.channel for mail in sent_by(here)} == {"sms", "email"}


def test_whoever_is_erased(town: Opened) -> None:
    """A letter that waits is dropped with its member's person, and no other is written."""
    here = town(birthday())
    join(here, ANN, **BIRTHDAY)
    until(here, "2026-08-14 10:00")
    opened = OpenProgram(here.source.program_id, here.service.in_force.of_source(here.source), here.service.vault)
    operate(
        here.service.begin, program=opened, key="e", kind="erase", content={}, actor="test", now=here.clock.now,
        act=lambda each: erase(each, customer=Customer(id="ann")),
    )  # fmt: skip
    assert (states(here), here.rows("SELECT member_id FROM letters")) == ([("dropped", None)], [(None,)])
    until(here, "2027-08-14 10:00")
    assert len(states(here)) == 1


def test_whose_card_is_void(town: Opened) -> None:
    """Whoever has no card that works is not written to."""
    here = town(birthday())
    join(here, ANN, **BIRTHDAY)
    with here.service.begin() as tx:
        members.void(tx, here.member().card.id, now=here.clock.now)
    until(here, "2026-08-14 10:00")
    assert states(here) == []


def test_two_who_settle_one_member_write_once(town: Opened) -> None:
    """Whoever comes second finds nothing to do, and a firing that is undone takes its letter with it."""
    here = town(birthday())
    join(here, ANN, **BIRTHDAY)
    here.clock.now = moment("2026-08-14 10:00")
    with here.service.begin() as tx:
        tx.execute(text("ALTER TABLE letters ADD CONSTRAINT none CHECK (kind <> 'reminder')"))
    assert here.sweep().failed == 1
    assert fired(here) == 0
    with here.service.begin() as tx:
        tx.execute(text("ALTER TABLE letters DROP CONSTRAINT none"))
    here.clock.on(hours=1)
    assert (here.sweep().settled, here.sweep().settled) == (1, 0)
    assert (len(states(here)), fired(here)) == (1, 1)


def test_where_no_letters_can_be_sent(
    town: Opened, settings: Settings, engine: Engine, identity: AppleIdentity
) -> None:
    """Outside a sandbox without a mail server and a gateway triggers fire, and no letter is left to wait."""
    here = town(birthday('notify = ["pass", "email", "sms"]'))
    join(here, ANN, PHONE, **BIRTHDAY)
    live = here.service.settings.model_copy(update={"apple_certificate": "pass.pem", "apple_wwdr": "wwdr.pem"})
    made = build(live, clock=here.clock, engine=engine, identity=identity, loaded=here.service.templates)
    here.clock.now = moment("2026-08-14 10:00")
    assert made.calendar().settle().settled == 1
    assert (states(here), fired(here)) == ([], 1)


def test_an_address_under_a_lost_key(town: Opened, engine: Engine, identity: AppleIdentity) -> None:
    """An address that cannot be opened any more is logged, and the trigger fires without its letter."""
    here = town(birthday())
    join(here, ANN, **BIRTHDAY)
    with here.service.begin() as tx:
        tx.execute(text("UPDATE member_identities SET sealed = 'of another key'"))
    with capture_logs() as logs:
        until(here, "2026-08-14 10:00")
    assert [each["event"] for each in logs] == ["letter.not_written"]
    assert (states(here), fired(here)) == ([], 1)


def test_letters_need_words(town: Opened) -> None:
    """A letter about points that die needs its line in each language, also where no field shows it."""
    with pytest.raises(TemplateRefused) as refused:
        town(expiring('notify = ["email"]'))
    assert {fault.key for fault in refused.value.faults} == {"next_expiry"}
    assert "a letter about points that die needs it" in str(refused.value)
