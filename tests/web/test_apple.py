"""Apple's web service to the letter: registering, listing, fetching, logging, and nothing lost in a race."""

import email.utils
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any, TypeVar

import pytest
from actors import START, Clock, Device, Shop, card_of
from flask.testing import FlaskClient
from msgspec import structs
from sqlalchemy import Engine, Row, text
from werkzeug.test import TestResponse

from wallet_service.domain.card import Card
from wallet_service.domain.event import Customer, Event, PointsAdjusted, content_hash
from wallet_service.sandbox.chain import Chain
from wallet_service.sandbox.verify import OpenedPass, open_pass
from wallet_service.storage import device_logs
from wallet_service.usecases.follow import follow
from wallet_service.usecases.receive import source_of
from wallet_service.usecases.record import record
from wallet_service.wiring import Service

Wallets = Callable[[], dict[tuple[str, str], Row[Any]]]
Quiet = Callable[[], None]

T = TypeVar("T")
Actor = TypeVar("Actor", Device, Shop)

PKPASS = "application/vnd.apple.pkpass"
FIRST_DATE = "Mon, 01 Jun 2026 10:00:00 GMT"
PATIENCE = 20  # seconds after which a race is taken to be stuck


@pytest.fixture
def card(service: Service, shop: Shop) -> Card:
    """Ann's card."""
    return card_of(service, shop.enrol("ann")["serial_number"])


@pytest.fixture
def other(service: Service, shop: Shop) -> Card:
    """Bob's card."""
    return card_of(service, shop.enrol("bob")["serial_number"])


# Registering


def test_register_answers_201_the_first_time_and_200_ever_after(device: Device, card: Card) -> None:
    """A device's first registration for a card is created, and every repeat is known."""
    answers = [device.register(card) for _ in range(3)]
    assert [each.status_code for each in answers] == [201, 200, 200]
    assert {each.data for each in answers} == {b""}


def test_registering_counts_for_each_device_and_card_alone(device: Device, card: Card, other: Card) -> None:
    """Another device on the card, or another card on the device, is a registration of its own."""
    second = replace(device, library="tablet")
    assert [device.register(card).status_code, device.register(other).status_code] == [201, 201]
    assert second.register(card).status_code == 201


def test_a_new_push_token_replaces_the_old_one_on_all_cards_of_the_device(
    device: Device, card: Card, other: Card, wallets: Wallets
) -> None:
    """Registering one card again with a new push token moves all the device's cards of the pass type to it."""
    neighbour = replace(device, library="neighbour")
    for each in (device, neighbour):
        each.register(card)
        each.register(other)
    moved = replace(device, push_token="cd34" * 16)
    assert moved.register(card).status_code == 200
    targets = {key: row.target for key, row in wallets().items()}
    assert targets == {
        (device.library, card.serial_number): moved.push_token,
        (device.library, other.serial_number): moved.push_token,
        (neighbour.library, card.serial_number): neighbour.push_token,
        (neighbour.library, other.serial_number): neighbour.push_token,
    }


def test_a_new_card_with_a_new_push_token_moves_the_device_too(
    device: Device, card: Card, other: Card, wallets: Wallets
) -> None:
    """Registering another card with a new push token moves the cards that the device had before."""
    device.register(card)
    assert replace(device, push_token="ef56" * 16).register(other).status_code == 201
    assert {row.target for row in wallets().values()} == {"ef56" * 16}


def test_a_card_that_failed_against_the_old_push_token_is_pushed_again(
    device: Device, card: Card, wallets: Wallets, engine: Engine
) -> None:
    """A new push token makes what was sent to the old one, and never fetched, go out again at once."""
    device.register(card)
    with engine.begin() as tx:
        tx.execute(text("UPDATE wallets SET sent = 1, attempts = 5, last_error = 'x', not_before = now() + '1 day'"))
    replace(device, push_token="cd34" * 16).register(card)
    (row,) = wallets().values()
    assert (row.wanted, row.sent, row.attempts, row.last_error) == (1, 0, 0, None)
    assert row.not_before <= START


def test_registering_again_with_the_same_push_token_pushes_nothing(
    device: Device, card: Card, wallets: Wallets, engine: Engine
) -> None:
    """A repeat of a registration leaves what was sent as it is."""
    device.register(card)
    with engine.begin() as tx:
        tx.execute(text("UPDATE wallets SET sent = 1"))
    device.register(card)
    (row,) = wallets().values()
    assert (row.wanted, row.sent) == (1, 1)


def test_an_unknown_card_a_wrong_token_and_another_pass_type_are_answered_alike(
    device: Device, card: Card, other: Card, client: FlaskClient
) -> None:
    """Nobody learns from an answer whether a serial number exists."""
    ghost = structs.replace(card, serial_number="0" * len(card.serial_number))
    foreign = replace(device, pass_type="pass.of.somebody.else")
    refused = [
        device.register(ghost),
        device.register(card, token="wrong"),
        device.register(card, token=other.authentication_token),
        foreign.register(card),
        device.unregister(ghost),
        foreign.unregister(card),
        device.fetch(ghost),
        device.fetch(card, token=other.authentication_token),
        foreign.fetch(card),
        client.get(f"/apple/v1/passes/{device.pass_type}/{card.serial_number}"),
        client.get(f"/apple/v1/passes/{device.pass_type}/no%20such%20card", headers={"Authorization": "ApplePass x"}),
    ]
    assert {each.status_code for each in refused} == {401}
    assert len({each.data for each in refused}) == 1
    assert len({tuple(sorted(each.headers)) for each in refused}) == 1


def test_a_wrong_token_registers_and_unregisters_nothing(
    device: Device, card: Card, other: Card, wallets: Wallets
) -> None:
    """A refused request leaves the registrations as they were."""
    device.register(card)
    before = wallets()
    assert replace(device, library="thief").register(card, token=other.authentication_token).status_code == 401
    stolen = structs.replace(card, authentication_token=other.authentication_token)
    assert device.unregister(stolen).status_code == 401
    assert wallets() == before


@pytest.mark.parametrize("scheme", ["ApplePass", "applepass", "APPLEPASS"])
def test_the_scheme_of_the_token_is_read_without_regard_to_case(
    device: Device, card: Card, client: FlaskClient, scheme: str
) -> None:
    """Authorization schemes are case-insensitive, tokens are not."""
    url = f"/apple/v1/passes/{device.pass_type}/{card.serial_number}"
    token = card.authentication_token
    assert client.get(url, headers={"Authorization": f"{scheme} {token}"}).status_code == 200
    assert client.get(url, headers={"Authorization": f"{scheme} {token.swapcase()}"}).status_code == 401


def test_unregister_answers_200_and_200_again(device: Device, card: Card, wallets: Wallets) -> None:
    """Unregistering is a wish that can be repeated."""
    device.register(card)
    assert [device.unregister(card).status_code for _ in range(2)] == [200, 200]
    assert wallets() == {}


def test_unregister_takes_one_device_off_one_card(device: Device, card: Card, other: Card, wallets: Wallets) -> None:
    """Unregistering leaves the device's other cards and the card's other devices alone."""
    second = replace(device, library="tablet")
    for each in (device, second):
        each.register(card)
        each.register(other)
    device.unregister(card)
    assert set(wallets()) == {
        (device.library, other.serial_number),
        (second.library, card.serial_number),
        (second.library, other.serial_number),
    }


def test_a_device_that_left_all_its_cards_leaves_nothing(
    device: Device, card: Card, other: Card, contents: Callable[[], dict[str, object]], service: Service
) -> None:
    """After the last card is unregistered nothing tells of the device; of each card, that it was in a wallet."""
    before = contents()
    device.register(card)
    device.register(other)
    device.unregister(card)
    device.unregister(other)
    after = contents()
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"installs"}
    with service.read() as tx:
        kept = tx.exec_driver_sql("SELECT platform, device FROM installs WHERE removed_at IS NOT NULL").all()
    assert kept == [("apple", None)] * 2
    assert device.list().status_code == 204


# Listing


def test_a_list_without_a_tag_names_all_cards_of_the_device(device: Device, card: Card, other: Card) -> None:
    """A device that has no tag yet is told of every card it registered, and of nobody else's."""
    device.register(card)
    replace(device, library="tablet").register(other)
    listing = device.list()
    assert listing.status_code == 200
    assert listing.mimetype == "application/json"
    assert set(listing.json) == {"serialNumbers", "lastUpdated"}
    assert listing.json["serialNumbers"] == [card.serial_number]
    device.register(other)
    assert sorted(device.list().json["serialNumbers"]) == sorted([card.serial_number, other.serial_number])


def test_a_list_with_the_last_tag_is_empty_while_nothing_changes(device: Device, card: Card, quiet: Quiet) -> None:
    """Nothing new is 204 without a body, as often as it is asked."""
    device.register(card)
    quiet()
    tag = device.list().json["lastUpdated"]
    for _ in range(3):
        answer = device.list(tag)
        assert (answer.status_code, answer.data) == (204, b"")


def test_a_list_with_a_tag_names_only_what_changed_since(
    device: Device, card: Card, other: Card, shop: Shop, quiet: Quiet
) -> None:
    """Each tag brings the cards that changed after it, and the next tag does not bring them again."""
    device.register(card)
    device.register(other)
    quiet()
    tag = device.list().json["lastUpdated"]
    shop.adjust(5, customer="ann")
    quiet()
    second = device.list(tag)
    assert second.json["serialNumbers"] == [card.serial_number]
    assert device.list(second.json["lastUpdated"]).status_code == 204
    shop.adjust(5, customer="bob")
    assert device.list(second.json["lastUpdated"]).json["serialNumbers"] == [other.serial_number]
    assert sorted(device.list(tag).json["serialNumbers"]) == sorted([card.serial_number, other.serial_number])


def test_a_card_that_registered_after_the_tag_is_listed_though_unchanged(
    device: Device, card: Card, other: Card, quiet: Quiet
) -> None:
    """A card that a device adds later is new to the device, however old the card is."""
    device.register(card)
    quiet()
    tag = device.list().json["lastUpdated"]
    device.register(other)
    assert device.list(tag).json["serialNumbers"] == [other.serial_number]


def test_an_event_that_changes_nothing_visible_is_not_listed(
    device: Device, card: Card, shop: Shop, quiet: Quiet
) -> None:
    """An order too small to earn a point leaves the list empty."""
    device.register(card)
    quiet()
    tag = device.list().json["lastUpdated"]
    assert shop.buy(99, order="small")["revision"] == 1
    assert device.list(tag).status_code == 204


def test_the_tag_is_an_opaque_string_that_survives_an_address(device: Device, card: Card) -> None:
    """A tag holds only characters that no client and no proxy rewrites in a query."""
    device.register(card)
    tag = device.list().json["lastUpdated"]
    assert isinstance(tag, str)
    assert tag.replace("-", "").isalnum()
    assert tag.isascii()


JUNK = ["", " ", "0", "junk", "2026-06-01T10:00:00+00:00", "1780308000", "-1", "\x00", "ü", "'; --", "9" * 400, "%00"]


@pytest.mark.parametrize("tag", JUNK)
def test_a_junk_tag_counts_as_none(device: Device, card: Card, tag: str) -> None:
    """A tag that is not ours lists all cards."""
    device.register(card)
    assert device.list(tag).json["serialNumbers"] == [card.serial_number]


def test_a_tag_that_no_list_can_have_given_counts_as_none(device: Device, card: Card) -> None:
    """A tag of our epoch with an impossible number, such as one from the future, lists all cards."""
    device.register(card)
    tag = device.list().json["lastUpdated"]
    epoch, number = tag.split("-")
    ahead = [f"{epoch}-{far}" for far in (int(number) + 100_000, 2**63 - 1, 10**19 - 1, 10**40)]
    broken = [f"{epoch}-", f"{epoch}--{number}", f" {tag}", f"{tag}\n", f"{epoch}-\u0663", f"{epoch.upper()}x-{number}"]
    for spoilt in ahead + broken:
        answer = device.list(spoilt)
        assert (spoilt, answer.status_code) == (spoilt, 200)
        assert answer.json["serialNumbers"] == [card.serial_number]


def test_a_tag_of_another_database_history_lists_all(device: Device, card: Card, quiet: Quiet) -> None:
    """A tag whose epoch is another database's counts as none, for its numbers mean nothing here."""
    device.register(card)
    quiet()
    epoch, number = device.list().json["lastUpdated"].split("-")
    foreign = f"{int(epoch, 16) ^ 1:08x}"
    assert device.list(f"{epoch}-{number}").status_code == 204
    assert device.list(f"{foreign}-{number}").json["serialNumbers"] == [card.serial_number]


def test_an_unknown_device_has_nothing_new(device: Device, card: Card) -> None:
    """A device that registered nothing is answered with 204, with a tag or without."""
    stranger = replace(device, library="stranger")
    assert stranger.list().status_code == 204
    assert stranger.list("junk").status_code == 204


def test_a_list_keeps_to_the_pass_type_that_is_asked_for(device: Device, card: Card) -> None:
    """Another pass type's list does not show the device's cards of this one."""
    device.register(card)
    assert replace(device, pass_type="pass.of.somebody.else").list().status_code == 204


def test_a_list_notes_which_revision_the_device_was_told_of(
    device: Device, card: Card, shop: Shop, wallets: Wallets
) -> None:
    """What was listed is kept for each wallet, and grows with the card."""
    device.register(card)
    tag = device.list().json["lastUpdated"]
    assert [row.listed for row in wallets().values()] == [1]
    shop.adjust(1)
    assert [row.listed for row in wallets().values()] == [1]
    device.list(tag)
    assert [row.listed for row in wallets().values()] == [2]


# Fetching


def test_a_pass_comes_with_exactly_the_headers_that_phones_need(device: Device, card: Card, chain: Chain) -> None:
    """The pass has its type without a charset, its length, its date as an HTTP date, and stays out of caches."""
    answer = device.fetch(card)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == PKPASS
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert "Transfer-Encoding" not in answer.headers
    assert answer.headers["Last-Modified"] == FIRST_DATE
    assert answer.headers["Cache-Control"] == "no-store"
    assert opened(answer, chain).serial_number == card.serial_number


def test_the_same_date_is_answered_with_304_and_that_date(device: Device, card: Card) -> None:
    """A phone that repeats the date of the newest revision gets no body, and the date again."""
    date = device.fetch(card).headers["Last-Modified"]
    answer = device.fetch(card, since=date)
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["Last-Modified"] == date
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Type" not in answer.headers


def test_the_304_needs_the_token_too(device: Device, card: Card) -> None:
    """A right date without the right token is refused."""
    assert device.fetch(card, since=FIRST_DATE, token="wrong").status_code == 401


@pytest.mark.parametrize(
    "since", ["Mon, 01 Jun 2026 09:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 01 Jun 2026 10:00:00 +0200"]
)
def test_an_older_date_is_answered_with_the_pass(device: Device, card: Card, since: str) -> None:
    """A phone that holds an older revision gets the new one, also if its date counts in another zone."""
    answer = device.fetch(card, since=since)
    assert (answer.status_code, answer.headers["Last-Modified"]) == (200, FIRST_DATE)


@pytest.mark.parametrize(
    "since",
    [
        "Monday, 01-Jun-26 10:00:00 GMT",
        "Mon Jun  1 10:00:00 2026",
        "Mon, 01 Jun 2026 10:00:00 -0000",
        "Mon, 01 Jun 2026 12:00:00 +0200",
    ],
)
def test_obsolete_forms_of_the_same_date_are_understood(device: Device, card: Card, since: str) -> None:
    """All three forms that HTTP allows, and other zones, name the same second."""
    assert device.fetch(card, since=since).status_code == 304


@pytest.mark.parametrize(
    "since",
    [
        "",
        "junk",
        "0",
        "1780308000",
        "99999999999999999999",
        "2026-06-01T10:00:00Z",
        "Mon, 01 Jun 99999 10:00:00 GMT",
        "Mon, 99 Jun 2026 10:00:00 GMT",
        "Mon, 01 Jun 2026 99:00:00 GMT",
        "Mon, 01 Jun 2026 10:00:00 +9999",
        "Mon, 01 Jun 2026 10:00:00 +99999999999999999999",
        "Mon, 01 Jun 2026 10:00:00 -99999999999999999999",
        f"Mon, 01 Jun {'9' * 5000} 10:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "\x00",
        "ü" * 50,
    ],
)
def test_a_junk_date_is_answered_with_the_pass(device: Device, card: Card, wallets: Wallets, since: str) -> None:
    """A date that is none costs a download and nothing else."""
    device.register(card)
    device.list()
    assert device.fetch(card, since=since).status_code == 200
    assert [row.fetched for row in wallets().values()] == [1]


def test_head_is_get_without_the_body_and_counts_as_no_fetch(device: Device, card: Card, wallets: Wallets) -> None:
    """HEAD has all headers of GET, sends nothing, and proves nothing about what the phone holds."""
    device.register(card)
    device.list()
    head = device.fetch(card, method="HEAD")
    assert (head.status_code, head.data) == (200, b"")
    assert device.fetch(card, method="HEAD", since=FIRST_DATE).status_code == 304
    assert [row.fetched for row in wallets().values()] == [0]
    got = device.fetch(card)
    same = ("Content-Type", "Content-Length", "Last-Modified", "Content-Disposition", "Cache-Control")
    assert [head.headers[name] for name in same] == [got.headers[name] for name in same]
    assert [row.fetched for row in wallets().values()] == [1]


def test_two_changes_in_one_second_have_two_dates_and_are_both_fetched(
    device: Device, card: Card, shop: Shop, chain: Chain
) -> None:
    """A phone that fetches between two changes of one second still gets the second one."""
    device.register(card)
    tag = device.list().json["lastUpdated"]
    dates, balances = [device.fetch(card).headers["Last-Modified"]], []
    for points in (10, 20, 30):
        shop.adjust(points)
        listing = device.list(tag)
        assert listing.json["serialNumbers"] == [card.serial_number]
        tag = listing.json["lastUpdated"]
        answer = device.fetch(card, since=dates[-1])
        assert answer.status_code == 200
        dates.append(answer.headers["Last-Modified"])
        balances.append(shown(answer, chain, "balance"))
        assert device.fetch(card, since=dates[-1]).status_code == 304
    assert balances == [10, 30, 60]
    assert dates == [rfc1123(seconds=step) for step in range(4)]


def test_a_change_late_in_a_second_is_not_rounded_away(device: Device, card: Card, shop: Shop, clock: Clock) -> None:
    """Fractions of a second are cut before the date is kept, so that the phone's date equals ours."""
    clock.on(seconds=5, microseconds=999_999)
    shop.adjust(1)
    date = device.fetch(card).headers["Last-Modified"]
    assert date == rfc1123(seconds=5)
    assert device.fetch(card, since=date).status_code == 304


# What the wallets table knows


def test_a_new_registration_is_behind_by_the_whole_card(
    device: Device, card: Card, shop: Shop, wallets: Wallets
) -> None:
    """A phone that has just registered should be told of the card's revision, and has been told of none."""
    shop.adjust(1)
    shop.adjust(1)
    device.register(card)
    (row,) = wallets().values()
    assert (row.wanted, row.sent, row.listed, row.fetched) == (3, 0, 0, 0)


def test_an_event_raises_what_every_wallet_of_the_card_should_show(
    device: Device, card: Card, other: Card, shop: Shop, wallets: Wallets
) -> None:
    """After an event all wallets of its card, and no others, want the new revision; nothing counts as sent."""
    second = replace(device, library="tablet")
    for phone, its in ((device, card), (second, card), (second, other)):
        phone.register(its)
    shop.adjust(1)
    rows = wallets()
    assert {(row.wanted, row.sent) for (_, serial), row in rows.items() if serial == card.serial_number} == {(2, 0)}
    assert rows[second.library, other.serial_number].wanted == 1


def test_a_fetch_notes_the_revision_that_the_phone_now_holds(
    device: Device, card: Card, shop: Shop, wallets: Wallets
) -> None:
    """After each round of listing and fetching, `fetched` is the card's revision."""
    device.register(card)
    tag = device.list().json["lastUpdated"]
    date = device.fetch(card).headers["Last-Modified"]
    assert [row.fetched for row in wallets().values()] == [1]
    shop.adjust(1)
    device.list(tag)
    device.fetch(card, since=date)
    (row,) = wallets().values()
    assert (row.wanted, row.fetched) == (2, 2)


def test_an_answer_of_304_proves_the_revision_too(device: Device, card: Card, wallets: Wallets) -> None:
    """A phone that holds the pass from its download link already is marked at its first 304."""
    device.register(card)
    device.list()
    assert device.fetch(card, since=FIRST_DATE).status_code == 304
    assert [row.fetched for row in wallets().values()] == [1]


def test_of_two_phones_the_one_whose_date_is_repeated_is_marked(
    device: Device, card: Card, shop: Shop, wallets: Wallets
) -> None:
    """Two phones hold different revisions; the date in the request tells which of them fetches."""
    ahead = replace(device, library="a-head")
    for phone in (device, ahead):
        phone.register(card)
        phone.list()
    old = device.fetch(card).headers["Last-Modified"]
    ahead.fetch(card)
    shop.adjust(1)
    ahead.list()
    new = ahead.fetch(card, since=old).headers["Last-Modified"]
    assert marks(wallets) == {device.library: 1, ahead.library: 2}
    shop.adjust(1)
    for phone in (ahead, device):
        phone.list()
    device.fetch(card, since=old)
    assert marks(wallets) == {device.library: 3, ahead.library: 2}
    ahead.fetch(card, since=new)
    assert marks(wallets) == {device.library: 3, ahead.library: 3}


@pytest.mark.parametrize("first", ["d3v1ce", "zz-other"])
def test_of_two_phones_with_one_date_the_one_that_listed_is_marked(
    device: Device, card: Card, shop: Shop, wallets: Wallets, first: str
) -> None:
    """Two phones hold the same revision; the one that was told of the new one is taken to be the one that fetches."""
    clock = shop.clock
    assert isinstance(clock, Clock)
    phones = {name: replace(device, library=name) for name in ("d3v1ce", "zz-other")}
    for phone in phones.values():
        phone.register(card)
        phone.list()
        clock.on(seconds=1)
        date = phone.fetch(card).headers["Last-Modified"]
    for name in sorted(phones, key=lambda each: each != first):
        shop.adjust(1)
        revision = 2 if name == first else 3
        phones[name].list()
        clock.on(seconds=1)
        phones[name].fetch(card, since=date)
        assert marks(wallets)[name] == revision
    assert marks(wallets)[first] == 2


def test_a_fetch_by_nobody_who_was_told_marks_nobody(device: Device, card: Card, wallets: Wallets) -> None:
    """A fetch without a date by a phone that has not listed is not taken for somebody else's."""
    device.register(card)
    assert device.fetch(card).status_code == 200
    assert marks(wallets) == {device.library: 0}


# Changes that commit late, and races


def test_a_change_that_commits_late_is_in_the_next_list(
    device: Device, card: Card, other: Card, shop: Shop, service: Service
) -> None:
    """A tag given out while a transaction is open does not skip what that transaction changes."""
    device.register(card)
    device.register(other)
    tag = device.list().json["lastUpdated"]
    with service.begin() as slow:
        adjust(slow, service, "ann", 5)
        shop.adjust(7, customer="bob")
        early = device.list(tag)
        assert other.serial_number in early.json["serialNumbers"]
        assert other.serial_number in device.list(early.json["lastUpdated"]).json["serialNumbers"]
    late = device.list(early.json["lastUpdated"])
    assert card.serial_number in late.json["serialNumbers"]


def test_late_commits_of_many_writers_are_all_listed(device: Device, service: Service, shop: Shop) -> None:
    """A phone that polls while ten cards change in overlapping transactions ends up knowing of each change."""
    names = [f"c{number}" for number in range(10)]
    cards = {name: card_of(service, shop.enrol(name)["serial_number"]) for name in names}
    for each in cards.values():
        device.register(each)
    tag = device.list().json["lastUpdated"]
    seen: set[str] = set()
    writing = threading.Event()

    def write(name: str) -> None:
        with service.begin() as tx:
            adjust(tx, service, name, 3)
            writing.wait(0.002 * (len(names) - int(name[1:])))

    with ThreadPoolExecutor(5) as pool:
        writes = [pool.submit(write, name) for name in names]
        while not all(each.done() for each in writes):
            tag = poll(device, tag, seen)
    poll(device, tag, seen)
    assert [each.exception() for each in writes] == [None] * 10
    assert seen == {each.serial_number for each in cards.values()}


def test_a_registration_that_commits_late_is_in_the_next_list(
    device: Device, card: Card, other: Card, service: Service, quiet: Quiet
) -> None:
    """A tag given out while a registration is under way does not skip the card that it adds."""
    device.register(card)
    quiet()
    tag = device.list().json["lastUpdated"]
    with service.begin() as slow:
        follow(slow, other, device=device.library, target=device.push_token, now=service.clock())
        assert device.list(tag).status_code == 204
    assert device.list(tag).json["serialNumbers"] == [other.serial_number]


def test_a_registration_that_meets_an_open_event_wants_what_the_event_makes(
    device: Device, card: Card, service: Service, wallets: Wallets, blocked: Quiet
) -> None:
    """A phone that registers while an event is being entered waits, and is then behind by the event's revision."""
    phone = own(device)
    with service.begin() as event:
        adjust(event, service, "ann", 5)
        registering = background(lambda: phone.register(card))
        blocked()
    assert registering.result(PATIENCE).status_code == 201
    assert state(wallets, device, card) == (2, 0)


def test_an_event_that_meets_an_open_registration_is_wanted_by_the_new_phone(
    device: Device, card: Card, service: Service, shop: Shop, blocked: Quiet
) -> None:
    """An event that comes while a phone registers waits, and then finds the phone."""
    with service.begin() as tx:
        follow(tx, card, device=device.library, target=device.push_token, now=service.clock())
        posting = background(lambda: shop.adjust(5))
        blocked()
    assert posting.result(PATIENCE)["revision"] == 2
    with service.read() as tx:
        assert tx.exec_driver_sql("SELECT wanted, sent FROM wallets").all() == [(2, 0)]


def test_a_new_push_token_that_meets_an_open_event_keeps_the_event(
    device: Device, card: Card, service: Service, wallets: Wallets, blocked: Quiet
) -> None:
    """A phone that comes with a new push token while an event is being entered is pushed at the new token."""
    device.register(card)
    moved = replace(own(device), push_token="cd34" * 16)
    with service.begin() as event:
        adjust(event, service, "ann", 5)
        registering = background(lambda: moved.register(card))
        blocked()
    assert registering.result(PATIENCE).status_code == 200
    assert state(wallets, device, card) == (2, 0)
    assert [row.target for row in wallets().values()] == ["cd34" * 16]


def test_registering_from_many_threads_makes_one_wallet(
    device: Device, card: Card, service: Service, wallets: Wallets
) -> None:
    """Of many equal registrations at once exactly one is new, and none fails."""
    with ThreadPoolExecutor(6) as pool:
        phones = [own(device) for _ in range(6)]
        answers = list(pool.map(lambda phone: phone.register(card).status_code, phones))
    assert sorted(answers) == [200] * 5 + [201]
    assert len(wallets()) == 1


def test_events_and_new_tokens_on_two_cards_do_not_block_each_other_for_good(
    device: Device, card: Card, other: Card, shop: Shop, wallets: Wallets
) -> None:
    """Two phones change tokens on two cards while events change both: nothing deadlocks and nothing is lost."""
    second = replace(device, library="tablet")
    for phone in (device, second):
        phone.register(card)
        phone.register(other)

    def move(phone: Device, first: Card, last: Card) -> set[int]:
        mine = own(phone)
        rounds = [replace(mine, push_token=f"{number:02x}" * 32) for number in range(6)]
        return {each.register(its).status_code for each in rounds for its in (first, last)}

    def sell(customer: str) -> set[str]:
        mine = own(shop)
        return {mine.adjust(1, customer=customer)["status"] for _ in range(10)}

    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(move, device, card, other),
            pool.submit(move, second, other, card),
            pool.submit(sell, "ann"),
            pool.submit(sell, "bob"),
        ]
        assert [job.result(PATIENCE) for job in jobs] == [{200}, {200}, {"processed"}, {"processed"}]
    assert {(row.wanted, row.target) for row in wallets().values()} == {(11, "05" * 32)}


# The log


def test_the_log_takes_what_phones_report(client: FlaskClient, service: Service) -> None:
    """A device's log lines are answered with an empty 200 and kept in their order."""
    answer = client.post("/apple/v1/log", json={"logs": ["first", "second"]})
    assert (answer.status_code, answer.data) == (200, b"")
    assert kept(service) == ["first", "second"]


def test_the_log_cuts_long_lines_and_long_lists(client: FlaskClient, service: Service) -> None:
    """One report keeps fifty lines of a thousand characters."""
    client.post("/apple/v1/log", json={"logs": ["x" * 5000] * 120})
    lines = kept(service)
    assert (len(lines), {len(line) for line in lines}) == (50, {1000})


def test_the_log_has_room_for_600_lines_a_minute(client: FlaskClient, service: Service, clock: Clock) -> None:
    """What comes beyond the limit is answered with 200 and dropped, until a minute has passed."""
    for _ in range(14):
        assert client.post("/apple/v1/log", json={"logs": ["x"] * 50}).status_code == 200
    assert len(kept(service)) == 600
    clock.on(seconds=61)
    client.post("/apple/v1/log", json={"logs": ["later"]})
    assert kept(service)[-1] == "later"


@pytest.mark.parametrize(
    "line",
    [
        "Authorization: ApplePass {}",
        "[Authorization: applepass    {}] failed",
        'request headers {{"Authorization" = "ApplePass {}";}}',
        "x" * 990 + " ApplePass {}",
        "ApplePass\t{}",
        "ApplePass%20{}",
        "ApplePass+{}",
        "ApplePass:{}",
        "ApplePass\u00a0{}",
        "ApplePass\x00{}",
    ],
)
def test_a_token_in_a_log_line_is_not_kept(client: FlaskClient, service: Service, card: Card, line: str) -> None:
    """A line that quotes a card's token loses it before it is stored."""
    client.post("/apple/v1/log", json={"logs": [line.format(card.authentication_token)]})
    (text_kept,) = kept(service)
    assert card.authentication_token[:12] not in text_kept
    assert "…" in text_kept or text_kept.endswith("ApplePass")


def test_the_log_keeps_text_and_drops_the_rest(client: FlaskClient, service: Service) -> None:
    """Lines that are not text are left out, and characters that cannot be printed become spaces."""
    body = '{"logs": [1, null, ["x"], {"a": 1}, "fine", "a\\u0000b\\u001b[31mc\\nd", "\\ud800 alone"]}'
    assert client.post("/apple/v1/log", data=body).status_code == 200
    assert kept(service) == ["fine", "a b [31mc d", "  alone"]


# How the tests look at things


def opened(answer: TestResponse, chain: Chain) -> OpenedPass:
    """Open a pass as a phone does."""
    assert answer.status_code == 200
    return open_pass(answer.data, root_pem=chain.root, now=START)


def shown(answer: TestResponse, chain: Chain, key: str) -> object:
    """Return the value of a field on the card."""
    return next(field["value"] for _, field in opened(answer, chain).fields() if field["key"] == key)


def rfc1123(**step: float) -> str:
    """Return the HTTP date that lies a step after the start."""
    return email.utils.format_datetime((START + timedelta(**step)).astimezone(UTC), usegmt=True)


def marks(wallets: Wallets) -> dict[str, int]:
    """Return the fetched revision of each device."""
    return {device: row.fetched for (device, _), row in wallets().items()}


def state(wallets: Wallets, device: Device, card: Card) -> tuple[int, int]:
    """Return what the wallet should show and what was sent to it."""
    row = wallets()[device.library, card.serial_number]
    return row.wanted, row.sent


def kept(service: Service) -> list[str]:
    """Return the stored log lines, oldest first."""
    with service.read() as tx:
        return [line for _, line in reversed(device_logs.latest(tx, 1000))]


def own(actor: Actor) -> Actor:
    """Return a phone or a shop with a client of its own, for a thread of its own."""
    return replace(actor, client=actor.client.application.test_client())


def adjust(tx: Any, service: Service, customer: str, points: int) -> None:
    """Enter an event in a transaction that the test commits itself."""
    fact = PointsAdjusted(Customer(id=customer), points, "till 3", "complaint")
    event = Event(
        f"own_{customer}_{points}", "points.adjusted", content_hash("points.adjusted", fact), START, b"", fact
    )
    source = source_of(tx, dialect="standard", name="shop")
    record(
        tx,
        source=source,
        template=service.template("points"),
        event=event,
        pass_type_identifier=service.identity.pass_type_identifier,
        vault=service.vault,
        now=service.clock(),
    )


def poll(device: Device, tag: str, seen: set[str]) -> str:
    """Ask for changes, add them to those seen, and return the next tag."""
    answer = device.list(tag)
    if answer.status_code == 204:
        return tag
    seen.update(answer.json["serialNumbers"])
    return str(answer.json["lastUpdated"])


def background(call: Callable[[], T]) -> Future[T]:
    """Start a call in a thread of its own, which ends with the call."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    return future
