"""Commands for a programme's rules as they are typed: look, publish, settle, simulate."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from actors import Shop
from command_actors import typed
from stage_actors import ROOT

from wallet_service.wiring import Service

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of templates of the test's own."""
    shutil.copytree(ROOT / "pass_templates" / "points", tmp_path / "templates" / "points")
    return tmp_path / "templates"


@pytest.fixture
def call(service: Service, files: Path) -> Call:
    """Type a command; return its code and what it said."""
    environment = {
        "USER": "ann",
        "WALLET_DATABASE_URL": service.engine.url.render_as_string(hide_password=False),
        "WALLET_DATA_FOLDER": str(service.settings.data_folder),
        "WALLET_TEMPLATES": str(files),
    }

    def run(*arguments: str) -> tuple[int, str]:
        done = typed(environment, *arguments)
        return done.returncode, done.stdout + done.stderr

    return run


def rewrite(files: Path, old: str, new: str) -> None:
    """Change the rules in the folder."""
    path = files / "points" / "program.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_rules_are_looked_at_and_then_published(call: Call, files: Path, shop: Shop, service: Service) -> None:
    """The dry run says what changes and for whom and changes nothing; publishing does, once, and says who did."""
    member = shop.enrol()["member_id"]
    shop.buy(20_000, order="a")
    assert "otherwise" not in call("doctor")[1]
    rewrite(files, "threshold = 500", "threshold = 150")
    assert "rules of points: version 1 is in force, and program.toml says otherwise" in call("doctor")[1]

    code, said = call("program", "publish", "points", "--dry-run")
    assert code == 0, said
    assert "tier.novel.threshold was 500 and becomes 150" in said
    assert "1 members: chapter -> novel" in said
    assert f"  {member}: chapter -> novel" in said
    assert "0 members keep their tier; no balance moves (200 points)." in said
    assert shop.buy(100, order="b")["tier"] == "chapter"

    code, said = call("program", "publish", "points")
    assert (code, "Version 2 is in force." in said, "1 cards seen, 1 changed" in said) == (0, True, True), said
    assert shop.buy(100, order="c")["tier"] == "novel"
    code, said = call("program", "publish", "points", "--actor", "bob")
    assert (code, "say what version 2 says" in said) == (0, True)
    with service.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT version, published_by FROM program_versions ORDER BY version").all()
    assert [tuple(each) for each in rows] == [(1, "opened"), (2, "ann")]


def test_faults_refuse(call: Call, files: Path, shop: Shop) -> None:
    """Rules with a fault, and rules that cannot follow on those in force, are told in words and not published."""
    shop.enrol()
    rewrite(files, 'currency = "EUR"', 'currency = "CZK"')
    code, said = call("program", "publish", "points", "--dry-run")
    assert (code, "program.currency" in said, "Traceback" in said) == (1, True, False)
    rewrite(files, "threshold = 100", "threshold = 900")
    code, said = call("program", "publish", "points")
    assert (code, "tier[" in said, "Traceback" in said) == (1, True, False)


def test_a_programme_that_is_not_open_has_nothing_to_publish(call: Call) -> None:
    """Before the first source is connected there is nobody whom rules would concern."""
    code, said = call("program", "publish", "points")
    assert (code, "is not open yet" in said) == (0, True)


def test_settle_does_the_calendars_work(call: Call, shop: Shop, service: Service) -> None:
    """By hand, where no worker runs; with nobody due it says so."""
    shop.enrol()
    with service.begin() as tx:
        tx.exec_driver_sql("UPDATE balances SET due_at = '2026-06-01'")
    code, said = call("settle")
    assert (code, "1 settled\n" in said) == (0, True)
    assert call("settle") == (0, "Nobody was due.\n")


def test_a_programme_is_simulated_without_a_database(call: Call, tmp_path: Path) -> None:
    """Months, money and tiers as a table; side by side; for programs; and on events of one's own."""
    code, said = call(
        "program", "simulate", "points", "--customers", "20", "--compare", "tests/programs/small_shop.toml"
    )
    assert code == 0, said
    assert said.count("2026-06") == 2
    assert "outstanding" in said
    assert "orders to a reward" in said

    lines = [
        {"type": "member.enrolled", "timestamp": "2031-05-01T10:00:00Z", "data": {"customer": {"id": "ann"}}},
        {
            "type": "order.paid",
            "timestamp": "2031-05-02T10:00:00Z",
            "data": {"order_id": "a", "customer": {"id": "ann"}, "currency": "EUR", "eligible_minor": 12_345},
        },
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(json.dumps(each) for each in lines))
    code, said = call("program", "simulate", "points", "--events", str(path), "--json")
    assert code == 0, said
    (month,) = json.loads(said)["points"]["months"]
    assert (month["first"], month["issued"], month["tiers"]) == ("2031-05-01", 123, {"chapter": 1})

    path.write_text(json.dumps(lines[0]) + '\n{"type": "order.paid"}')
    code, said = call("program", "simulate", "points", "--events", str(path))
    assert (code, "line 2" in said, "Traceback" in said) == (1, True, False)
    assert call("program", "simulate", "nope")[0] == 2
