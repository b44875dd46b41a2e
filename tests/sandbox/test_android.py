"""The sandbox's Android phone shows what its Google holds, from a save link on a real socket to the page."""

import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import zxingcpp
from actors import Clock
from android_actors import CARD, NOW, PROGRAM, WHOLE, Service, Stand, serving, standing
from google_actors import CLASS, ISSUER, OBJECT
from page_actors import painted, png

from wallet_service.sandbox.android import SavedCard
from wallet_service.sandbox.android_fields import fields, number, said
from wallet_service.sandbox.android_images import Pictures
from wallet_service.sandbox.android_layout import rows
from wallet_service.sandbox.android_pages import android_colors_css, image_addresses, is_expired, readable_on
from wallet_service.sandbox.sandbox import SaveLinkFailed

PAGE = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def clock() -> Clock:
    """The clock of phone and Google."""
    return Clock(NOW)


@pytest.fixture
def service(clock: Clock) -> Iterator[Service]:
    """A running service."""
    with serving(clock) as service:
        yield service


@pytest.fixture
def stand(service: Service, clock: Clock) -> Iterator[Stand]:
    """A sandbox whose Android phone holds no card yet."""
    with standing(service, clock) as stand:
        yield stand


def kinds(stand: Stand) -> list[str]:
    """What the Android phone did, in order."""
    return [each["kind"] for each in stand.state()["timeline"]]


def test_without_a_google_there_is_no_android_phone(service: Service, clock: Clock) -> None:
    """A sandbox without a Google shows the iPhone alone, and says so to scripts."""
    with standing(service, clock, google=None) as stand:
        state = stand.client.get("/state.json").get_json()
        assert (state["android"], state["google"]) == (None, None)
        page = stand.page()
        assert "Android" not in page
        assert "What the phone did" in page
        for door, data in (
            ("android/save", {}),
            ("android/remove", {"object_id": "x"}),
            ("google/behave", {"breakage": "503"}),
        ):
            assert stand.client.post(f"/{door}", data=data).status_code == 409


def test_saving_follows_the_link_of_the_service(stand: Stand) -> None:
    """The button goes the way of Chrome on Android up to the save page, and shows what Google holds."""
    assert "Add to Google Wallet" in stand.page()
    card = stand.save()
    assert "Android" in stand.service.agents[0]
    assert (card["object_id"], card["class_id"], card["state"]) == (CARD, PROGRAM, "ACTIVE")
    assert (card["issuer"], card["programme"]) == ("Café Lumen", "Lumen Club")
    assert card["fields"] == {
        "balance": {"label": "Points", "value": 5, "text": "5"},
        "tier": {"label": "Tier", "value": "Gold", "text": "Gold"},
        "member_name": {"label": "", "value": "Ada", "text": "Ada"},
        "next": {"label": "Next", "value": "3 stamps", "text": "3 stamps"},
    }
    assert card["barcode"] == WHOLE["barcode"]
    page = stand.page()
    assert f'data-serial="{CARD}"' in page
    assert 'data-field="balance" data-value="5"' in page
    assert 'id="android-add"' not in page
    assert kinds(stand) == ["saved"]


def test_a_starter_can_save_the_card(service: Service, clock: Clock) -> None:
    """Whoever starts the sandbox may save the card without the page, also by a whole address."""
    with standing(service, clock, google_add_url=f"{service.url}/add/google") as stand:
        assert [each.object_id for each in stand.sandbox.save_card()] == [CARD]


def test_a_form_without_scripts_leads_back_to_the_page(stand: Stand) -> None:
    """A browser without scripts is sent back to the page after a button of the Android phone."""
    answer = stand.client.post("/android/save", headers=PAGE)
    assert (answer.status_code, answer.location) == (303, "/")


@pytest.mark.parametrize(
    ("status", "location"),
    [
        (404, ""),
        (200, None),
        (303, ""),
        (303, "https://cards.example/"),
        (303, "https://cards.example/gp/v/save/"),
        (307, None),
    ],
)
def test_a_link_to_something_else_is_explained(stand: Stand, status: int, location: str | None) -> None:
    """An address that does not lead to a save page is refused in words that do not hold the link."""
    stand.service.status, stand.service.location = status, location
    answer = stand.client.post("/android/save")
    assert answer.status_code == 502
    error = answer.get_json()["error"]
    assert f"answered {status}" in error
    assert "/save/" in error
    assert "eyJ" not in error
    assert stand.state()["cards"] == []


def test_a_service_that_is_down_is_explained(service: Service, clock: Clock) -> None:
    """A dead address gives no more than a clear message."""
    with standing(service, clock, google_add_url="http://127.0.0.1:9/add") as stand:
        with pytest.raises(SaveLinkFailed, match="Is the service running"):
            stand.sandbox.save_card()
        assert stand.client.post("/android/save").status_code == 502


def test_a_card_that_google_does_not_save_is_explained(stand: Stand) -> None:
    """A link that Google refuses is told with Google's reason, and written down."""
    stand.service.card = f"{ISSUER}.nobody"
    answer = stand.client.post("/android/save")
    assert answer.status_code == 502
    assert "does not exist" in answer.get_json()["error"]
    assert kinds(stand) == ["refused"]


def test_without_an_address_the_phone_still_shows_cards(service: Service, clock: Clock) -> None:
    """Without the service's address there is no button, and a card that is saved elsewhere shows all the same."""
    with standing(service, clock, google_add_url=None) as stand:
        assert 'id="android-add"' not in stand.page()
        assert stand.client.post("/android/save").status_code == 409
        service.google.google.save(service.link().rpartition("/")[2])
        assert len(stand.state()["cards"]) == 1


def test_a_card_that_is_saved_already_shows_at_once(service: Service, clock: Clock) -> None:
    """A phone that is started later holds what its Google holds, and did nothing yet."""
    service.google.google.save(service.link().rpartition("/")[2])
    with standing(service, clock) as stand:
        assert len(stand.state()["cards"]) == 1
        assert kinds(stand) == []


def test_a_change_shows_at_once(stand: Stand, clock: Clock) -> None:
    """What the service writes at Google shows on the phone, with a notification in Google's words."""
    stand.save()
    clock.on(seconds=7)
    stand.earn(1292)
    state = stand.state()
    assert state["cards"][0]["fields"]["balance"] == {"label": "Points", "value": 1292, "text": "1,292"}
    assert state["cards"][0]["updated_at"] == clock().isoformat()
    assert kinds(stand) == ["saved", "changed", "notified"]
    assert state["timeline"][1]["text"] == "Google shows Points 1,292"
    assert state["notification"] == {
        "number": 1,
        "at": clock().isoformat(),
        "object_id": CARD,
        "programme": "Lumen Club",
        "text": "Lumen Club: your card was updated",
    }
    page = stand.page()
    assert 'data-field="balance" data-value="1292"' in page
    assert "Your card was updated" in page


def test_what_changes_nothing_is_not_told(stand: Stand) -> None:
    """A write that leaves the card as it was, and one of a card that nobody saved, are no news."""
    stand.save()
    before = stand.sandbox.changes.count
    stand.write()
    stand.service.google.google.change("insert", "loyaltyObject", "", OBJECT | {"id": f"{ISSUER}.card-2"})
    assert kinds(stand) == ["saved"]
    assert stand.sandbox.changes.count == before
    assert len(stand.state()["cards"]) == 1


def test_the_fourth_change_of_a_day_is_silent(stand: Stand) -> None:
    """Google notifies of three changes of a card a day; the others show all the same."""
    stand.save()
    for points in (10, 20, 30, 40):
        stand.earn(points)
    assert kinds(stand).count("changed") == 4
    assert kinds(stand).count("notified") == 3
    assert stand.state()["cards"][0]["fields"]["balance"]["value"] == 40


@pytest.mark.parametrize(("kind", "resource_id"), [("loyaltyObject", CARD), ("loyaltyClass", PROGRAM)])
def test_a_message_is_announced(stand: Stand, kind: str, resource_id: str) -> None:
    """A message that notifies, to a member or to all, is announced and can be read among the details."""
    stand.save()
    stand.message(kind, resource_id, messageType="TEXT")
    assert stand.state()["timeline"][-1]["text"] == "Google shows the message “Hello”"
    assert stand.state()["notification"] is None
    stand.message(kind, resource_id, messageType="TEXT_AND_NOTIFY", body='<a href="https://x.test/">Menu</a>')
    assert stand.state()["notification"]["text"] == "Lumen Club: new message"
    assert '<a href="https://x.test/" target="_blank" rel="noopener noreferrer">Menu</a>' in stand.page()


def test_a_change_of_the_programme_changes_its_cards(stand: Stand) -> None:
    """What the service writes to the class shows on every card of it."""
    stand.save()
    stand.write_program(programName="Lumen Circle", hexBackgroundColor="#FDD663")
    assert stand.state()["cards"][0]["programme"] == "Lumen Circle"
    assert stand.state()["timeline"][-1]["text"] == "Google shows the programme anew"
    sheet = stand.client.get("/phone/colors.css").get_data(as_text=True)
    assert '[data-card="android-0"]{--background:#fdd663;--foreground:#202124}' in sheet


def test_a_card_can_be_removed(stand: Stand) -> None:
    """Removing takes the card from the phone, not from Google; one that is not there is refused in words."""
    stand.save()
    assert stand.client.post("/android/remove", data={"object_id": CARD}).get_json()["android"]["cards"] == []
    assert kinds(stand) == ["saved", "removed"]
    assert stand.service.google.google.get("loyaltyObject", CARD)["hasUsers"] is False
    answer = stand.client.post("/android/remove", data={"object_id": CARD})
    assert answer.status_code == 404
    assert stand.save()["object_id"] == CARD


def test_the_page_tells_both_phones_steps(stand: Stand, clock: Clock) -> None:
    """Each line of the timeline says which phone, and each phone's seconds count from the purchase."""
    stand.save()
    stand.client.post("/shop/buy")
    clock.on(seconds=0.12)
    stand.sandbox.pushed(stand.sandbox.phone.push_token, "id", "pass.x")
    clock.on(seconds=0.19)
    stand.earn(47)
    page = stand.page()
    assert "What the phones did" in page
    assert re.findall(r'data-kind="(\w+)" data-number="\d+" data-phone="(\w+)"', page) == [
        ("notified", "Android"),
        ("changed", "Android"),
        ("pushed", "iPhone"),
        ("saved", "Android"),
    ]
    assert "On the Android phone <b>0.31 s</b> after the shop sent it" in page


@pytest.mark.parametrize(
    ("balance", "language", "shown"),
    [
        ({"int": 1292}, "en", (1292, "1,292")),
        ({"int": 0}, "en", (0, "0")),
        ({"int": 1292}, "de_DE", (1292, "1.292")),
        ({"double": 2.5}, "de_DE", (2.5, "2,5")),
        ({"string": "Gold"}, "en", ("Gold", "Gold")),
        ({"money": {"currencyCode": "EUR", "micros": "12340000"}}, "en", ("12.34", "€12.34")),
        ({"money": {"currencyCode": "JPY", "micros": "500000000"}}, "en", ("500", "¥500")),
        ({"money": {"currencyCode": "EUR", "micros": "-1500000"}}, "de_DE", ("-1.5", "-1,50\xa0€")),
    ],
)
def test_balances_are_written_in_the_phones_way(
    balance: dict[str, Any], language: str, shown: tuple[int | float | str, str]
) -> None:
    """Whole numbers, fractions, texts and money in millionths are written as the phone's language does."""
    assert number(balance, language) == shown


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Points"), ("de", "Punkte"), ("de_AT", "Punkte"), ("pt_BR", "Pontos"), ("fr", "Points")],
)
def test_texts_come_in_the_phones_language(language: str, text: str) -> None:
    """A localised text precedes the plain one: in the phone's language, of another place if need be, or the default."""
    strings = {
        "defaultValue": {"language": "en-US", "value": "Points"},
        "translatedValues": [{"language": "de", "value": "Punkte"}, {"language": "pt-BR", "value": "Pontos"}],
    }
    assert said({"label": "P", "localizedLabel": strings}, "label", language) == text
    assert said({"label": "P"}, "label", language) == "P"
    assert said({}, "label", language) == ""


def path(*paths: str) -> dict[str, Any]:
    """A template's reference to the first of these fields that a card has."""
    return {"fields": [{"fieldPath": each} for each in paths]}


def test_rows_follow_the_template() -> None:
    """A cell shows the first field that the card has, two values with a stroke, and modules of object and class."""
    program = {
        "rewardsTier": "Gold",
        "textModulesData": [{"id": "hours", "body": "9 to 5"}],
        "accountNameLabel": "Member",
        "classTemplateInfo": {
            "cardTemplateOverride": {
                "cardRowTemplateInfos": [
                    {"oneItem": {"item": {"firstValue": path("object.accountId", "object.accountName")}}},
                    {
                        "threeItems": {
                            "startItem": {
                                "firstValue": path("object.loyaltyPoints.balance"),
                                "secondValue": path("class.rewardsTier"),
                            },
                            "middleItem": {"firstValue": path('class.textModulesData["hours"]')},
                            "endItem": {"firstValue": path("object.textModulesData['gone']")},
                        }
                    },
                    {"oneItem": {"item": {"firstValue": path("object.textModulesData['gone']")}}},
                ]
            }
        },
    }
    found = fields(OBJECT, program, "en")
    assert found["object.accountName"].label == "Member"
    assert [[[each.text for each in cell] for cell in row] for row in rows(program, found)] == [
        [["Ada"]],
        [["5", "Gold"], ["9 to 5"]],
    ]


def test_without_a_template_the_balances_show(stand: Stand) -> None:
    """A class without rows shows points and tier on the front, and the rest below."""
    found = fields(WHOLE, {}, "en")
    assert [[cell[0].key for cell in row] for row in rows({}, found)] == [["balance", "tier"]]


@pytest.mark.parametrize(
    ("color", "text"),
    [("#000000", "#ffffff"), ("#2b1f3d", "#ffffff"), ("#ffffff", "#202124"), ("#fdd663", "#202124")],
)
def test_text_can_be_read_on_every_background(color: str, text: str) -> None:
    """White or near-black is written on a card, whichever stands out more."""
    assert readable_on(color) == text


@pytest.mark.parametrize(
    ("color", "drawn"),
    [("#ABC", "#aabbcc"), (None, "#3c4043"), ("red;}*{display:none", "#3c4043"), ("#12345", "#3c4043")],
)
def test_only_colors_get_into_the_style_sheet(color: str | None, drawn: str) -> None:
    """Nothing else of a class gets into the style sheet, and a class without a colour has a plain one."""
    sheet = android_colors_css([SavedCard(WHOLE, {"hexBackgroundColor": color}, NOW)])
    assert sheet.startswith(f'[data-card="android-0"]{{--background:{drawn};')
    assert sheet.count("{") == 1


def test_images_are_fetched_once_and_served_from_here(stand: Stand) -> None:
    """Logo and banner come from the page's own address; each is fetched from the service once."""
    stand.save()
    sources = re.findall(r'class="(round|hero)" src="(/android/images/[0-9a-f]+)"', stand.page())
    assert [name for name, _ in sources] == ["round", "hero"]
    for _ in range(2):
        for _, source in sources:
            answer = stand.client.get(source)
            assert (answer.data, answer.mimetype) == (png("navy"), "image/png")
    assert len(stand.service.fetched) == 2
    assert "http://127.0.0.1" not in stand.page().replace(f'href="{stand.service.url}"', "").partition("POST ")[0]
    assert stand.client.get("/android/images/0000").status_code == 404


def test_an_image_that_is_none_is_not_served(stand: Stand) -> None:
    """What is no picture of a known kind is not passed on; once it is one, it shows."""
    stand.save()
    name = next(iter(image_addresses(stand.android.cards())))
    stand.service.image_kind = "image/svg+xml"
    assert stand.client.get(f"/android/images/{name}").status_code == 404
    stand.service.image_kind = "image/png"
    assert stand.client.get(f"/android/images/{name}").status_code == 200


@pytest.mark.parametrize("address", ["http://198.51.100.7/logo.png", "https://cards.example/logo.png", "http://[", "x"])
def test_no_image_is_fetched_from_another_machine(address: str) -> None:
    """Addresses of other machines are not asked, and neither is what is no address."""
    started_at = time.monotonic()
    assert Pictures().get(address) is None
    assert time.monotonic() - started_at < 1


def test_texts_of_the_card_are_escaped(stand: Stand) -> None:
    """Markup in class and object is shown as text, and only safe addresses become links."""
    evil = '<b onclick="x()">&</b>'
    stand.write_program(issuerName=evil, programName=evil, textModulesData=[{"id": "c", "header": evil, "body": evil}])
    links = [
        {"uri": "https://x.test/a", "description": evil, "id": "1"},
        {"uri": "javascript:alert(1)", "description": "Odd", "id": "2"},
        {"uri": "tel:+420000", "id": "3"},
    ]
    stand.write(
        accountName=evil,
        textModulesData=[{"id": "next", "header": evil, "body": evil}],
        linksModuleData={"uris": links},
    )
    stand.save()
    page = stand.page()
    assert "<b onclick" not in page
    assert page.count("&lt;b onclick=") >= 6
    assert 'href="https://x.test/a"' in page
    assert "javascript:" not in page
    assert "<span>Odd</span>" in page
    assert '<a href="tel:+420000" target="_blank" rel="noopener noreferrer">tel:+420000</a>' in page


def modules_of(owner: str) -> list[dict[str, str]]:
    """Twelve text modules."""
    return [{"id": f"{owner}{index}", "header": f"H{index}", "body": f"{owner} {index}"} for index in range(12)]


def test_details_hold_ten_texts_of_each(stand: Stand) -> None:
    """Ten text modules of the object and ten of its class show, and what stands on the front does not stand twice."""
    home = {"uri": "https://cafe.test/", "description": "Home"}
    stand.write_program(textModulesData=modules_of("c"), homepageUri=home)
    stand.write(textModulesData=[WHOLE["textModulesData"][0], *modules_of("o")])
    stand.save()
    page = stand.page()
    shown = re.findall(r'<div class="line stacked" data-field="(\w+)"', page)
    assert shown == ["member_name", *(f"o{index}" for index in range(9)), *(f"c{index}" for index in range(10))]
    assert '<a href="https://cafe.test/" target="_blank" rel="noopener noreferrer">Home</a>' in page


def test_the_barcode_reads_back(stand: Stand) -> None:
    """A scanner reads from the Android phone exactly what the object says."""
    stand.write(barcode={"type": "QR_CODE", "value": "балл 42", "renderEncoding": "UTF_8", "alternateText": "<42>"})
    stand.save()
    page = stand.page()
    svg = re.search(r'<svg class="qr".*?</svg>', page)
    assert svg is not None
    assert [each.text for each in zxingcpp.read_barcodes(painted(svg[0]))] == ["балл 42"]
    assert '<span class="alt-text">&lt;42&gt;</span>' in page


@pytest.mark.parametrize(
    ("barcode", "words"),
    [
        (
            {"type": "PDF_417", "value": "m", "alternateText": "CODE M"},
            "PDF_417 barcode: this simulator draws QR codes",
        ),
        ({"type": "TEXT_ONLY", "value": "SHOW ME"}, '<span class="alt-text">SHOW ME</span>'),
        ({"type": "QR_CODE", "value": "x" * 3000}, "QR_CODE barcode: this simulator draws QR codes"),
    ],
)
def test_other_barcodes_are_told_in_words(stand: Stand, barcode: dict[str, str], words: str) -> None:
    """A barcode that is no QR code is not drawn; a plain text is written."""
    stand.write(barcode=barcode)
    stand.save()
    assert words in stand.page()
    assert '<svg class="qr"' not in stand.page()


@pytest.mark.parametrize(
    ("changes", "expired"),
    [
        ({}, False),
        ({"state": "EXPIRED"}, True),
        ({"state": "INACTIVE"}, True),
        ({"state": "COMPLETED"}, True),
        ({"validTimeInterval": {"end": {"date": "2026-06-01T09:59:00Z"}}}, True),
        ({"validTimeInterval": {"end": {"date": "2026-06-01T09:59"}}}, True),
        ({"validTimeInterval": {"end": {"date": "2026-06-01T12:01:00+02:00"}}}, False),
        ({"validTimeInterval": {"end": {"date": "some day"}}}, False),
    ],
)
def test_a_card_expires_by_state_or_date(changes: dict[str, Any], expired: bool) -> None:
    """Any state but ACTIVE, or an end that has passed, puts a card among the expired ones."""
    assert is_expired(SavedCard(WHOLE | changes, CLASS, NOW), NOW) is expired


def test_expired_cards_come_last(stand: Stand) -> None:
    """Expired cards stand under a title of their own, below those that are in force."""
    stand.save()
    assert "Expired passes" not in stand.page()
    other = f"{ISSUER}.card-2"
    stand.service.google.google.change("insert", "loyaltyObject", "", WHOLE | {"id": other})
    stand.service.card = other
    stand.client.post("/android/save")
    stand.write(state="EXPIRED")
    assert stand.state()["timeline"][-1]["text"] == "Google shows the card as expired"
    page = stand.page()
    assert page.index(f'data-serial="{other}"') < page.index("Expired passes") < page.index(f'data-serial="{CARD}"')
    assert stand.state()["cards"][0]["state"] == "EXPIRED"


@pytest.mark.parametrize(
    ("key", "statuses"),
    [("none", [200, 200]), ("500-once", [500, 200]), ("503", [503, 503]), ("429", [429, 429]), ("403", [403, 403])],
)
def test_google_can_be_broken(stand: Stand, key: str, statuses: list[int]) -> None:
    """After a button of the page Google answers as it says, until the fault is taken back."""
    answer = stand.client.post("/google/behave", data={"breakage": key})
    assert answer.get_json()["google"] == key
    assert re.search(rf'id="google-{key}" aria-pressed="true"', stand.page())
    assert [written(stand) for _ in statuses] == statuses
    stand.client.post("/google/behave", data={"breakage": "none"})
    assert written(stand) == 200
    assert stand.client.post("/google/behave", data={"breakage": "odd"}).status_code == 409


def test_a_new_issuer_refuses_customers(stand: Stand) -> None:
    """In demo mode the card cannot be saved, in Google's words, until the button is taken back."""
    stand.client.post("/google/behave", data={"breakage": "demo"})
    refused = stand.client.post("/android/save")
    assert refused.status_code == 502
    assert "User not allowed to save the pass" in refused.get_json()["error"]
    stand.client.post("/google/behave", data={"breakage": "none"})
    stand.save()


def test_a_fourth_notice_is_refused_on_demand(stand: Stand) -> None:
    """With the button pressed the fourth change of a day that would notify is refused, and silent otherwise."""
    stand.save()
    client = stand.service.google.client()

    def notified(points: int) -> int:
        return client.put_object({**WHOLE, "loyaltyPoints": {"balance": {"int": points}}}, notify=True).status

    stand.client.post("/google/behave", data={"breakage": "notices"})
    assert [notified(points) for points in (101, 102, 103, 104)] == [200, 200, 200, 403]
    stand.client.post("/google/behave", data={"breakage": "none"})
    assert notified(105) == 200


def written(stand: Stand) -> int:
    """Read the card over HTTP as the service does, and return the status."""
    client = stand.service.google.client()
    return client.get_object(CARD).status


def test_open_pages_hear_of_the_android_phone(stand: Stand) -> None:
    """A change on the Android phone reaches an open page with all its parts."""
    stand.save()
    stream = iter(stand.client.get("/phone/events").response)
    assert "android_screen" in json.loads(event(stream))["parts"]
    threading.Timer(0.05, lambda: stand.earn(77)).start()
    parts = json.loads(event(stream))["parts"]
    assert 'data-value="77"' in parts["android_screen"]
    stand.sandbox.changes.close()


def event(stream: Iterator[Any]) -> str:
    """Return the data of the next event, past all heartbeats."""
    for piece in stream:
        text = piece.decode() if isinstance(piece, bytes) else str(piece)
        if text.startswith("event: phone"):
            return text.partition("data: ")[2]
    raise AssertionError("the stream has ended")


def test_posts_from_other_sites_are_refused(stand: Stand) -> None:
    """The Android phone's doors take no order that another site's page made a browser send."""
    for door in ("android/save", "android/remove", "google/behave"):
        assert stand.client.post(f"/{door}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert stand.state()["cards"] == []


def test_every_control_has_a_name(stand: Stand) -> None:
    """Buttons say what they do, removing says which card, and the notification is announced."""
    stand.save()
    page = stand.page()
    assert '<div id="android-notification" role="status" aria-live="polite"' in page
    assert 'aria-label="Remove Lumen Club from Google Wallet"' in page
    for button in re.findall(r"<button[^>]*>.*?</button>", page, re.DOTALL):
        assert "aria-label" in button or re.sub(r"<[^>]+>", "", button).strip()
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert sorted(set(ids)) == sorted(ids)
    assert re.findall(r"\sstyle=|\son\w+=|<style", page) == []
