"""`wallet-service points`, `member`, `partner` and `reward`: what they do, print, and refuse."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from actors import connected_shop
from command_actors import typed
from sqlalchemy import Engine

from wallet_service.config import Settings
from wallet_service.web import create_app
from wallet_service.wiring import build

ROOT = Path(__file__).parent.parent.parent
TABLES = """
[[partner]]
code = "bakery"
issue = { points = 0, per = 100 }
[[cause]]
code = "forest"
name = "Forest"
[[experiment]]
code = "offer"
holdout = "0"
arms = { left = "0.5", right = "0.5" }
metric = "repeat_purchase_rate"
[[reward]]
code = "five-off"
kind = "amount_off"
cost = 50
value = 500
code_valid = "P30D"
[[reward]]
code = "bread"
kind = "product"
cost = 20
partner = "bakery"
match = { tags = ["bread"] }
[[reward]]
code = "voucher"
kind = "gift_card"
cost = 60
pool = "bookshop"
[[reward]]
code = "trees"
kind = "donation"
rate = { points = 1, value = 1 }
"""
Command = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, sandbox_files: Path) -> Path:
    """A folder with a template whose programme has rewards."""
    templates = tmp_path / "templates"
    shutil.copytree(ROOT / "pass_templates" / "points", templates / "points")
    shutil.copytree(sandbox_files, tmp_path / "sandbox")
    rules = templates / "points" / "program.toml"
    rules.write_text(rules.read_text() + TABLES)
    return tmp_path


@pytest.fixture
def members(folder: Path, engine: Engine) -> dict[str, str]:
    """Ann with 200 points and Bob with none: our ids of them."""
    service = build(Settings(data_folder=folder, templates=folder / "templates"), engine=engine)
    shop = connected_shop(service, create_app(service).test_client(), "shop")
    found = {name: str(shop.enrol(name)["member_id"]) for name in ("ann", "bob")}
    shop.adjust(200)
    return found


@pytest.fixture
def command(folder: Path, members: dict[str, str], engine: Engine) -> Command:
    """Type a command, and return what it prints; `ends` is the exit code that is expected."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    environment = {
        "WALLET_DATA_FOLDER": str(folder),
        "WALLET_TEMPLATES": str(folder / "templates"),
        "WALLET_DATABASE_URL": url,
    }

    def call(*words: object, ends: int = 0, given: str | None = None) -> str:
        done = typed(environment, *words, given=given)
        assert done.returncode == ends, done.stderr
        return done.stdout + done.stderr

    return call


def answer(printed: str) -> Any:
    """Return the JSON that a command has printed."""
    return json.loads(printed[printed.index(next(each for each in printed if each in "{[")) :])


def test_points_are_held_used_and_given_back(command: Command, members: dict[str, str]) -> None:
    """Hold, capture a part, pay it back; another hold is voided."""
    ann = members["ann"]
    held = answer(command("points", "hold", ann, 70, "--reference", "order-17", "--json"))
    assert (held["balance"], held["held"], held["reference"]) == (130, 70, "order-17")
    used = command("points", "capture", held["hold"], "--points", 50, "--partner", "bakery")
    assert "captured: 50" in used
    assert "balance: 150" in used
    assert "balance: 200" in command("points", "refund", held["hold"], "--reason", "returned")
    assert "There is no hold hld_none" in command("points", "void", "hld_none", ends=1)
    other = answer(command("points", "hold", ann, 10, "--json"))
    assert (other["lost_if_voided"], other["died"]) == (0, None)
    voided = command("points", "void", other["hold"])
    assert "status: voided" in voided
    assert "died: 0" in voided
    assert "was voided before" in command("points", "capture", other["hold"], ends=1)


def test_a_key_does_nothing_twice(command: Command, members: dict[str, str]) -> None:
    """Typed again under its key the answer is the same, and says so; for another operation the key is refused."""
    words = ("points", "adjust", members["ann"], -50, "--reason", "entered twice", "--key", "k1")
    first, again = command(*words), command(*words)
    assert "balance: 150" in first
    assert again == first + "This was done before under the same key; nothing happened now.\n"
    assert "already used" in command("points", "hold", members["ann"], 1, "--key", "k1", ends=1)


def test_members_give_are_ranked_and_merged(command: Command, members: dict[str, str]) -> None:
    """A gift, a tier until a day, and one member of two."""
    ann, bob = members["ann"], members["bob"]
    given = command("points", "transfer", ann, bob, 30, "--reason", "a gift")
    assert "giver:\n" in given
    assert "  balance: 170" in given
    ranked = answer(command("member", "tier", bob, "novel", "--until", "2099-12-31", "--reason", "guest", "--json"))
    assert (ranked["tier"], ranked["tier_until"]) == ("novel", "2099-12-31")
    merged = answer(command("member", "merge", bob, ann, "--reason", "joined twice", "--json"))
    assert (merged["merged"], merged["survivor"]["balance"]) == (bob, 200)
    assert "one and the same" in command("points", "transfer", ann, bob, 1, "--reason", "r", ends=1)


def test_rewards_are_listed_with_their_reasons(command: Command, members: dict[str, str]) -> None:
    """What can be had, what is missing, and what there is none of; as lines and as JSON."""
    rich, poor = (command("reward", "list", members[name]) for name in ("ann", "bob"))
    assert "five-off" in rich
    assert "can be had" in rich
    assert "there is none left, 0 left" in rich
    assert "50 points are missing" in poor
    found = {each["reward"]: each for each in answer(command("reward", "list", members["bob"], "--json"))}
    assert found["five-off"]["whys"] == [{"reason": "insufficient_balance", "points": 50, "tier": None}]


def test_a_reward_is_redeemed_used_and_paid_back(command: Command, members: dict[str, str]) -> None:
    """From the code to the refund, and what was taken in the end."""
    done = answer(command("reward", "redeem", members["ann"], "five-off", "--order", "order-17", "--json"))
    assert command("reward", "code", done["redemption"]).strip() == done["code"]
    assert "status: used" in command("reward", "use", done["code"])
    assert "already used" in command("reward", "use", done["code"], ends=1)
    assert "status: refunded" in command("reward", "refund", done["redemption"], "--reason", "returned")
    assert "refunded   five-off" in command("reward", "taken", members["ann"])
    assert answer(command("reward", "taken", members["ann"], "--json"))[0]["order_id"] == "order-17"
    assert "cannot be had: 50 points are missing" in command("reward", "redeem", members["bob"], "five-off", ends=1)


def test_a_product_is_handed_over_at_the_till(command: Command, members: dict[str, str]) -> None:
    """By our id of it, for a basket that it is good for; another one is cancelled."""
    held = answer(command("reward", "redeem", members["ann"], "bread", "--json"))
    assert "wrong product" in command("reward", "use", held["redemption"], "--tag", "cake", ends=1)
    assert "status: used" in command("reward", "use", held["redemption"], "--tag", "bread")
    other = answer(command("reward", "redeem", members["ann"], "bread", "--json"))
    assert "balance: 180" in command("reward", "cancel", other["redemption"], "--reason", "sold out")


def test_codes_are_imported_and_given_out(command: Command, members: dict[str, str], folder: Path) -> None:
    """One a line, from a file or a pipe; known ones count once. A day is the last one, where the programme is."""
    (folder / "codes.txt").write_text("G1\n\nG2\nG1\n")
    done = answer(
        command("reward", "import-codes", "bookshop", folder / "codes.txt", "--expires", "2099-12-31", "--json")
    )
    assert done == {"pool": "bookshop", "added": 2, "known": 0, "left": 2}
    assert "added: 1\nknown: 1\nleft: 3" in command("reward", "import-codes", "bookshop", "-", given="G2\nG3\n")
    got = answer(command("reward", "redeem", members["ann"], "voucher", "--json"))
    assert got["code"] in ("G1", "G2")
    assert got["valid_until"] == "2099-12-31T23:00:00+00:00"
    command("reward", "import-codes", "bookshop", "-", "--expires", "2099-06-30T12:00:00Z", given="G4")
    got = answer(command("reward", "redeem", members["ann"], "voucher", "--json"))
    assert (got["code"], got["valid_until"]) == ("G4", "2099-06-30T12:00:00+00:00")
    assert "is no day" in command("reward", "import-codes", "bookshop", "-", "--expires", "soon", given="G5", ends=2)


def test_donations_and_partners_are_summed_up(command: Command, members: dict[str, str]) -> None:
    """What was given, and what the bakery is owed, until it is settled."""
    given = answer(command("reward", "redeem", members["ann"], "trees", "--points", 5, "--json"))
    assert (given["cause"], given["code"]) == ("forest", None)
    assert "has no code" in command("reward", "code", given["redemption"], ends=1)
    assert answer(command("reward", "pledges", "--json")) == {"batches": []}
    bread = answer(command("reward", "redeem", members["ann"], "bread", "--json"))
    command("reward", "use", bread["redemption"], "--tag", "bread", "--partner", "bakery")
    assert "partner bakery  issued 0  accepted 20  settled 0  net 20" in command("partner", "report")
    assert answer(command("partner", "settle", "--json"))["lines"][0]["net"] == 20
    assert answer(command("partner", "report", "--json"))["lines"][0]["net"] == 0


def test_what_is_not_there_is_said(command: Command) -> None:
    """A template without members, and a member of nobody's."""
    assert "no template" in command("partner", "report", "--template", "none", ends=1)
    assert "No card answers" in command("reward", "list", "mem_none", ends=1)


def test_an_arm_is_told_alike_each_time(command: Command, members: dict[str, str]) -> None:
    """Whoever asks for a member's arm hears the same, and an experiment that is not there is refused by name."""
    told = [command("member", "arm", members["ann"], "offer").strip() for _ in range(2)]
    assert told[0] == told[1]
    assert told[0] in ("left", "right")
    assert "there are: offer" in command("member", "arm", members["ann"], "none", ends=1)


def test_arms_are_compared(command: Command, members: dict[str, str]) -> None:
    """The command names each arm with its members and the metric; one that is not there is refused by name."""
    command("member", "arm", members["ann"], "offer")
    found = answer(command("program", "experiment", "points", "offer", "--json"))
    assert (found["experiment"], found["metric"]) == ("offer", "repeat_purchase_rate")
    assert [each["arm"] for each in found["arms"]] == ["left", "right", "holdout"]
    assert sum(each["members"] for each in found["arms"]) == len(members)
    assert sum(each["met"] or 0 for each in found["arms"]) == 1
    assert "arm left" in command("program", "experiment", "points", "offer")
    assert "there are: offer" in command("program", "experiment", "points", "none", ends=1)
