"""A till at work: it scans, looks up, quotes, holds and captures; it is offline for a while, and repeats itself."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import books
import pytest
from actors import Clock
from api_actors import Program, World
from sqlalchemy import event, text

from wallet_service.web.api import samples

TILL = ("members:read", "members:write", "events:write", "points:read", "points:write", "rewards:write")


def paid(order: str, code: str, minor: int, clock: Clock, *, ago: timedelta = timedelta()) -> dict[str, object]:
    """Return what a till says of an order that was paid by whoever holds a card."""
    data = {"order_id": order, "customer": {"card_code": code}, "currency": "USD", "eligible_minor": minor}
    return {"type": "order.paid", "timestamp": (clock() - ago).isoformat(), "data": data}


def test_a_day_at_the_till(world: World, clock: Clock) -> None:
    """From the scan to the capture every point is right, however often the till says it, and in whatever order."""
    till = world.mine.program(*TILL)

    # Somebody joins at the till, which has hands that shake: twice the same request, then once more by the address.
    ann = {"name": "Ann Example", "locale": "en", "email": "Ann@home.example"}
    consent = {"consents": [{"purpose": "name_at_till", "granted": True, "text_version": "2026-05"}]}
    first, again = (till.send("POST", "/members", key="join-1", json=ann | consent) for _ in range(2))
    assert (first.status_code, again.status_code, again.data) == (201, 201, first.data)
    found = till.send("POST", "/members", json={"email": "ann@HOME.example"})
    assert (found.status_code, found.get_json()["member_id"]) == (200, first.get_json()["member_id"])
    member = first.get_json()["member_id"]
    code = till.send("GET", f"/members/{member}").get_json()["cards"][0]["code"]

    # The first purchase: scan, look up, quote, pay.
    seen = till.send("POST", "/look-ups", json={"member": {"card_code": code}}).get_json()
    assert (seen["name"], seen["tier"], seen["balance"], seen["rewards"], seen["active"]) == (
        "Ann Example",
        "bud",
        0,
        [],
        True,
    )
    quote = till.send("POST", "/quotes", json={"member": {"card_code": code}, "order": {"eligible_minor": 90_000}})
    assert (quote.get_json()["points"], quote.get_json()["tier"], quote.get_json()["best"]) == (900, "bloom", None)
    entered = till.send("POST", "/events", json=paid("till-1-1", code, 90_000, clock)).get_json()
    assert (entered["points"], entered["balance"], entered["tier"]) == (900, 900, "bloom")

    # The second one: a reward is there to be had, and points pay a part.
    clock.on(hours=1)
    seen = till.send("POST", "/look-ups", json={"member": {"card_code": code}}).get_json()
    assert [each["code"] for each in seen["rewards"]] == ["sample", "ten-off"]
    order = {"member": {"card_code": code}, "order": {"lines": [{"sku": "CREAM-50", "net_minor": 4_000}]}}
    quote = till.send("POST", "/quotes", json=order).get_json()
    assert (quote["points"], quote["best"]) == (50, "ten-off")  # 40 and a quarter more, by the tier
    assert till.send("GET", f"/members/{member}/balance").get_json()["available"] == 900  # nothing of that was kept
    body = {"member": {"card_code": code}, "points": 600, "reference": "till-1-2"}
    held = till.send("POST", "/holds", key="hold-2", json=body).get_json()
    assert (held["balance"], held["held"]) == (300, 600)

    # The line is cut: no answer comes, and what the till has meanwhile it says afterwards, some of it twice.
    clock.on(minutes=5)
    said = [
        ("event-2", "/events", paid("till-1-2", code, 4_000, clock, ago=timedelta(minutes=4))),
        ("event-3", "/events", paid("till-1-3", code, 1_000, clock, ago=timedelta(minutes=2))),
        ("capture-2", f"/holds/{held['id']}/capture", {"points": 500}),
        ("hold-2", "/holds", body),
    ]
    once = {key: till.send("POST", path, key=key, json=what) for key, path, what in reversed(said)}
    for key, path, what in [*said, *reversed(said)]:
        repeated = till.send("POST", path, key=key, json=what)
        assert (repeated.data, repeated.headers["Idempotent-Replayed"]) == (once[key].data, "true"), key
    assert "Idempotent-Replayed" in once["hold-2"].headers
    assert once["capture-2"].get_json()["captured"] == 500

    # The copy of a card is worth nothing once its code has changed.
    card = till.send("GET", f"/members/{member}").get_json()["cards"][0]
    office = world.mine.program("cards:write")
    assert office.send("POST", f"/cards/{card['serial_number']}/change-code").status_code == 200
    assert till.send("POST", "/look-ups", json={"member": {"card_code": code}}).status_code == 404
    fresh = till.send("GET", f"/members/{member}").get_json()["cards"][0]["code"]
    seen = till.send("POST", "/look-ups", json={"member": {"card_code": fresh}}).get_json()

    # 900, 50 and 12 earned (10 and a quarter more), 500 of them spent.
    assert (seen["balance"], seen["held"], seen["pending"]) == (900 + 50 + 12 - 500, 0, 0)
    assert sums_up(till, member)
    assert books.faults(world.service) == []


def sums_up(program: Program, member: str) -> bool:
    """Whether the lines of a member's statement come to the balance."""
    lines = program.send("GET", f"/members/{member}/statement").get_json()["data"]
    balance = program.send("GET", f"/members/{member}/balance").get_json()
    return bool(sum(each["points"] for each in lines) == balance["available"] == lines[0]["balance"])


def test_what_is_held_for_the_till_is_handed_over_once(world: World) -> None:
    """A product is held until the till hands it over, by its code; then its code is refused, with the reason."""
    till, names = world.mine.program(*TILL), world.names("MEMBER")
    member = {"external_id": next(value for value in names.values() if value.startswith("customer-"))}
    taken = till.send("POST", "/redemptions", json={"member": member, "reward": "sample"}).get_json()
    assert (taken["status"], taken["held"], taken["balance"]) == ("held", 100, 1_150)
    used = till.send("POST", "/codes/use", json={"code": taken["code"].lower()}).get_json()
    assert (used["id"], used["status"], used["held"]) == (taken["id"], "used", 0)
    twice = till.send("POST", "/codes/use", json={"code": taken["code"]})
    assert (twice.status_code, twice.get_json()["reason"]) == (409, "already_used")
    assert till.send("POST", f"/redemptions/{taken['id']}/cancel", json={"reason": "x"}).status_code == 409
    back = till.send("POST", f"/redemptions/{taken['id']}/refund", json={"reason": "broken"}).get_json()
    assert (back["status"], back["balance"]) == ("refunded", 1_250)
    assert books.faults(world.service) == []


def test_a_till_knows_before_a_void_what_dies_by_it(world: World, clock: Clock) -> None:
    """Points whose time is over while they are held are told with the hold, and with the void that loses them."""
    till, member = world.mine.program(*TILL), world.names("")[samples.MEMBER]
    clock.on(days=10)
    body = {"member": {"id": member}, "points": 500, "minutes": 525_600}
    held = till.send("POST", "/holds", json=body).get_json()
    assert (held["lost_if_voided"], held["died"]) == (0, None)
    clock.on(days=360)
    seen = till.send("GET", f"/holds/{held['id']}").get_json()
    assert (seen["status"], seen["balance"], seen["lost_if_voided"], seen["died"]) == ("open", 0, 500, None)
    voided = till.send("POST", f"/holds/{held['id']}/void").get_json()
    assert (voided["status"], voided["balance"], voided["lost_if_voided"], voided["died"]) == ("voided", 0, None, 500)
    assert books.faults(world.service) == []


def test_an_answer_that_was_kept_before_it_told_what_dies_is_repeated(world: World) -> None:
    """A till that asks again under its key after an upgrade gets its hold."""
    till, member = world.mine.program(*TILL), world.names("")[samples.MEMBER]
    asked = {"key": "early", "json": {"member": {"id": member}, "points": 500}}
    held = till.send("POST", "/holds", **asked).get_json()
    with world.service.begin() as tx:
        tx.execute(text("UPDATE operations SET answer = (answer::jsonb - '{lost_if_voided,died}'::text[])::json"))
    again = till.send("POST", "/holds", **asked)
    assert (again.status_code, again.get_json()) == (201, held | {"lost_if_voided": None})


@pytest.mark.parametrize("kind", ["holds", "redemptions"])
def test_what_is_ended_while_somebody_looks_is_shown_as_it_was(world: World, kind: str) -> None:
    """Whoever asks for a hold, or for what is held, sees one moment, though it is given back between two questions."""
    till, member = world.mine.program(*TILL), {"id": world.names("")[samples.MEMBER]}
    body = {"member": member} | ({"points": 100} if kind == "holds" else {"reward": "sample"})
    path = f"/{kind}/{till.send('POST', f'/{kind}', json=body).get_json()['id']}"
    end, why = ("void", None) if kind == "holds" else ("cancel", {"reason": "x"})
    ended: list[int] = []

    def come_between(*said: object) -> None:
        if "sum(delta) AS points FROM lot_allocations" in str(said[2]) and not ended:
            ended.append(0)
            with ThreadPoolExecutor(1) as pool:
                ended[0] = pool.submit(till.send, "POST", f"{path}/{end}", json=why).result().status_code

    event.listen(world.service.engine, "before_cursor_execute", come_between)
    answer = till.send("GET", path)
    event.remove(world.service.engine, "before_cursor_execute", come_between)
    assert (answer.status_code, ended) == (200, [200])
    assert answer.get_json()["status"] in ("open", "held")
    assert books.faults(world.service) == []


def test_what_cannot_be_had_says_every_reason(world: World) -> None:
    """A refused reward names all reasons, in words and for programs, and nothing moves."""
    till, names = world.mine.program(*TILL), world.names("")
    member = till.send("GET", f"/members?external_id={names['customer-1017']}").get_json()["data"][0]["id"]
    answer = till.send("POST", "/redemptions", json={"member": {"id": member}, "reward": "masterclass"})
    reasons = [(each["reason"], each["points"], each["tier"]) for each in answer.get_json()["reasons"]]
    assert (answer.status_code, reasons) == (
        409,
        [("tier_too_low", None, "bloom"), ("insufficient_balance", 1_750, None)],
    )
    listed = till.send("GET", f"/members/{member}/rewards?language=cs").get_json()["data"]
    (same,) = [each for each in listed if each["code"] == "masterclass"]
    assert [(each["reason"], each["points"], each["tier"]) for each in same["reasons"]] == reasons
    assert till.send("GET", f"/members/{member}/redemptions").get_json() == {"data": [], "next": None}


def test_redemptions_come_in_pages(world: World) -> None:
    """Newest first, each once, also when another is taken meanwhile."""
    till, member = world.mine.program(), world.names("")[samples.MEMBER]
    taken: list[str] = []

    def take() -> None:
        answer = till.send("POST", "/redemptions", json={"member": {"id": member}, "reward": "sample"})
        taken.insert(0, answer.get_json()["id"])

    take()
    take()
    path = f"/members/{member}/redemptions?limit=1"
    first = till.send("GET", path).get_json()
    whole = list(taken)
    take()
    second = till.send("GET", f"{path}&cursor={first['next']}").get_json()
    assert [each["id"] for each in first["data"] + second["data"]] == whole
    assert second["next"] is None


def test_a_code_is_told_again_and_kept_only_sealed(world: World) -> None:
    """A repeat tells the same code; lists and looks tell none; and the database has it in no clear form."""
    till = world.mine.program(*TILL)
    body = {"member": {"id": world.names("")["mem_7k3zq0p1v9x2c4d6f8h5"]}, "reward": "ten-off"}
    first, again = (till.send("POST", "/redemptions", key="take-1", json=body) for _ in range(2))
    code, redemption = first.get_json()["code"], first.get_json()["id"]
    assert again.data == first.data
    shown = till.send("POST", f"/redemptions/{redemption}/code", key="show-1").get_json()
    assert (shown["code"], till.send("POST", f"/redemptions/{redemption}/code", key="show-1").get_json()) == (
        code,
        shown,
    )
    for path in (f"/redemptions/{redemption}", f"/members/{first.get_json()['member_id']}/redemptions"):
        assert code not in till.send("GET", path).text
    with world.service.read() as tx:
        assert code not in str(tx.exec_driver_sql("SELECT answer FROM operations").all())
