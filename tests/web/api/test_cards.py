"""Cards by the API: replaced, recoded, revoked; what phones show of them, and page by page which are behind."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from actors import Device, card_of
from api_actors import Program, World

from wallet_service.web.api import samples


@pytest.fixture
def program(world: World) -> Program:
    """A program with every scope."""
    return world.mine.program()


def problem(answer: Any) -> tuple[int, str]:
    """Return the status and the type of a problem document."""
    return answer.status_code, answer.get_json()["type"].removeprefix("urn:wallet-service:problem:")


def test_a_lost_card_is_worth_nothing(world: World, program: Program) -> None:
    """A replaced card is void, its code is nobody's, and nothing can be done with it; the member has the new one."""
    names = world.names(samples.SERIAL_NUMBER)
    old, member = f"/cards/{names[samples.SERIAL_NUMBER]}", names[samples.MEMBER]
    replaced = program.send("POST", f"{old}/replace").get_json()
    assert replaced["member_id"] == member
    shown = program.send("GET", old).get_json()
    assert (shown["valid"], shown["replaced"]) == (False, True)
    by_code = {"member": {"card_code": names[samples.CARD_CODE]}}
    assert problem(program.send("POST", "/look-ups", json=by_code)) == (404, "member-not-found")
    for what in ("replace", "change-code"):
        answer = program.send("POST", f"{old}/{what}")
        assert problem(answer) == (409, "operation-refused")
        assert replaced["serial_number"] in answer.text
    new = program.send("GET", f"/cards/{replaced['serial_number']}").get_json()
    assert (new["valid"], new["replaced"], new["add_url"]) == (True, False, replaced["add_url"])
    assert [each["serial_number"] for each in program.send("GET", f"/members/{member}").get_json()["cards"]] == [
        replaced["serial_number"]
    ]


def test_a_revoked_card_can_be_replaced(world: World, program: Program) -> None:
    """A revoked card is void and has no other code; its member keeps the points, and can have another card."""
    names = world.names(samples.SERIAL_NUMBER)
    path = f"/cards/{names[samples.SERIAL_NUMBER]}"
    first, again = (program.send("POST", f"{path}/revoke", key="k1") for _ in range(2))
    assert (first.status_code, again.data) == (200, first.data)
    assert program.send("POST", f"{path}/revoke").get_json() == first.get_json()  # it stays as it is
    assert problem(program.send("POST", f"{path}/change-code")) == (409, "operation-refused")
    seen = program.send("POST", "/look-ups", json={"member": {"card_code": names[samples.CARD_CODE]}}).get_json()
    assert (seen["active"], seen["balance"], seen["rewards"]) == (False, 1_250, [])
    replaced = program.send("POST", f"{path}/replace").get_json()
    assert program.send("GET", f"/cards/{replaced['serial_number']}").get_json()["valid"]


def test_links_open_the_card(world: World, program: Program) -> None:
    """Each link leads to the card that it is of."""
    names = world.names(samples.SERIAL_NUMBER)
    links = program.send("GET", f"/cards/{names[samples.SERIAL_NUMBER]}/links").get_json()
    assert program.client.get(urlsplit(links["page"]).path).status_code == 200
    assert program.client.get(urlsplit(links["apple"]).path).mimetype == "application/vnd.apple.pkpass"
    assert bool(links["google"]) == (world.service.google is not None)


def test_what_a_phone_shows(world: World, program: Program) -> None:
    """A phone is behind until it has fetched, and the answer says so by its revision and in words."""
    names = world.names(samples.MEMBER)
    serial_number = program.send("GET", f"/members/{names[samples.MEMBER]}").get_json()["cards"][0]["serial_number"]
    phone = Device(program.client, world.service.identity.pass_type_identifier)
    card = card_of(world.service, serial_number)
    phone.register(card)
    path = f"/cards/{serial_number}/wallets"

    def shown() -> tuple[int, int, bool]:
        (wallet,) = program.send("GET", path).get_json()["data"]
        return wallet["shown"], wallet["revision"], wallet["in_step"]

    assert shown() == (0, 2, False)
    phone.list()
    phone.fetch(card)
    assert shown() == (2, 2, True)
    world.mine.shop.adjust(1, customer=names[samples.EXTERNAL])
    assert shown() == (2, 3, False)
    assert "worker" in program.send("GET", path).get_json()["data"][0]["why"]


def test_who_is_behind_comes_page_by_page(world: World, program: Program) -> None:
    """Every wallet that is behind comes once, only those of the merchant's own, and the sums are right."""
    wanted = [world.names(samples.SERIAL_NUMBER)[samples.SERIAL_NUMBER] for _ in range(3)]
    rivals = world.other.program()
    card = rivals.send("GET", "/members").get_json()["data"][0]["cards"][0]["serial_number"]
    phone = Device(program.client, world.service.identity.pass_type_identifier, library="a-rivals-phone")
    phone.register(card_of(world.service, card))
    seen: list[str] = []
    cursor = ""
    for _ in range(5):
        page = program.send("GET", f"/sync?limit=2{cursor}").get_json()
        assert (page["cards"], page["cards_in_step"], page["wallets"], page["unsent"]) == (4, 1, 3, 3)
        seen += [each["serial_number"] for each in page["data"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == wanted
    other = rivals.send("GET", "/sync").get_json()
    assert (other["cards"], [each["serial_number"] for each in other["data"]]) == (1, [card])
