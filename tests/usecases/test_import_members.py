"""Members come in from a file: each once, with a card and one opening balance, whatever else the file says."""

import logging
import random
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
import structlog
from actors import Clock, Device, card_of
from books import faults
from bulk_actors import Clerk, work_off
from flask.testing import FlaskClient
from sqlalchemy import text
from town import Town, rules, settled_town

from wallet_service.domain.errors import OperationConflict, SheetRefused, SheetTooLarge
from wallet_service.domain.event import Customer, MemberEnrolled, OrderPaid
from wallet_service.domain.identity import Identity, identity
from wallet_service.domain.member import Membership, Profile
from wallet_service.storage import identities
from wallet_service.usecases.erase import erase
from wallet_service.usecases.import_members import MemberImport
from wallet_service.usecases.merge import merge
from wallet_service.usecases.statement import statement
from wallet_service.wiring import Service

TIERS = """
[tiers]
measure = "points_earned"
window = "rolling_12_months"
valid = "P12M"
[[tier]]
code = "page"
threshold = 0
[[tier]]
code = "novel"
threshold = 5000
"""
YEARLY = 'expiry = { mode = "rolling", period = "P1Y" }'


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Faults of ours are told to nobody here; a traceback takes long to be drawn."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture
def shop(service: Service, clock: Clock) -> Town:
    """A shop of the starter `points`."""
    return settled_town(service, clock)


@pytest.fixture
def clerk(service: Service, shop: Town) -> Clerk:
    """Whoever sends files to it."""
    return Clerk(service)


def count(service: Service, query: str) -> int:
    """Return what a query counts."""
    with service.read() as tx:
        return int(tx.execute(text(query)).scalar_one())


def known_by(service: Service, member: Membership) -> set[Identity]:
    """Return what a member is known by."""
    with service.read() as tx:
        return {each for each, _ in identities.of_member(tx, service.vault, member.id)}


def test_a_row_makes_a_member_with_card_and_balance(clerk: Clerk, shop: Town) -> None:
    """All columns: who it is, since when, what is there to spend until when, and in which tier until when."""
    job = clerk.bring(
        "external_id;name;locale;birthday;email;phone;balance;expires_at;tier;tier_until;enrolled_at\r\n"
        "c-1;Ann Example;cs;1990-06-02;Ann@Mail.example;+420 601 234 567;"
        "1250;2026-12-31;novel;2027-05-31;2019-03-04\r\n"
    )
    assert (job.state, job.done, job.total, job.refused) == ("done", 1, 1, 0)
    assert job.result == {"added": 1, "opened": 1, "points": 1250}
    member = shop.member("c-1")
    assert member.profile == Profile("Ann Example", "cs", (6, 2))
    assert member.enrolled_at == datetime(2019, 3, 3, 23, tzinfo=UTC)
    assert member.position.available == 1250
    assert member.position.dying_on == date(2026, 12, 31)
    assert member.position.rank is not None
    assert (member.position.rank.tier, member.position.tier_last_day) == ("novel", date(2027, 5, 31))
    assert known_by(shop.service, member) == {
        identity("email", "ann@mail.example"),
        identity("phone", "+420601234567"),
    }
    assert faults(shop.service) == []


def test_the_books_say_who_opened_a_balance(clerk: Clerk, shop: Town) -> None:
    """One adjustment with its reason, by whoever asked, under the key it was asked for with; it counts for no tier."""
    clerk.bring("external_id,balance\na,9000\n", key="cut-over")
    member = shop.member("a")
    with shop.service.read() as tx:
        (line,) = statement(tx, member, clerk.program().template.program).lines
    assert (line.type, line.points, line.actor, line.reason) == ("adjust", 9000, "clerk", "opening balance")
    assert (line.operation, line.operation_kind) == ("cut-over", "import")
    assert member.position.rank is not None
    assert member.position.rank.tier == "page"


def test_a_second_run_changes_nothing(clerk: Clerk, shop: Town) -> None:
    """The same file under another key finds all as it is: nothing is posted, no card gets a new revision."""
    body = "external_id,name,email,balance,tier,tier_until\n"
    body += "".join(f"c{n},Ann {n},ann{n}@mail.example,{n},novel,2027-01-31\n" for n in range(120))
    first = clerk.bring(body)
    assert first.result == {"added": 120, "opened": 119, "points": sum(range(120))}
    look = "SELECT count(*) + sum(revision) + (SELECT count(*) FROM ledger_transactions) \
            + (SELECT count(*) FROM tier_changes) + (SELECT count(*) FROM member_identities) FROM cards"
    before = count(shop.service, look)
    again = clerk.bring(body)
    assert again.id != first.id
    assert again.result == {"same": 120}
    assert count(shop.service, look) == before
    assert faults(shop.service) == []


def test_the_same_file_under_the_same_key_is_the_same_job(clerk: Clerk, service: Service) -> None:
    """Asked again, the answer is the first job, and the file is not kept twice; another file is refused."""
    body = "external_id\na\n"
    assert clerk.ask(body, key="once") == clerk.ask(body, key="once")
    for other in ({"body": "external_id\nb\n"}, {"body": body, "dry_run": True}):
        with pytest.raises(OperationConflict):
            clerk.ask(key="once", **other)
    assert count(service, "SELECT count(*) FROM job_files") == 1


def test_a_balance_is_opened_once_for_ever(clerk: Clerk, shop: Town) -> None:
    """A second file with another balance is told so, row by row; one that joined before is opened all the same."""
    shop.enrol("before")
    shop.buy(30_000, order="o1", customer="before")
    clerk.bring("external_id,balance\na,500\nbefore,100\nzero,0\n")
    assert shop.balances("before") == (400, 0)
    job = clerk.bring("external_id,name,balance\na,Ann,501\nbefore,Bea,100\nzero,Zoe,7\n")
    assert clerk.refused(job) == {2: "balance was opened with 500 before, and is opened once; adjust it instead"}
    assert (shop.balances("a"), shop.balances("before"), shop.balances("zero")) == ((500, 0), (400, 0), (7, 0))
    assert (shop.member("a").profile.name, shop.member("before").profile.name) == (None, "Bea")


def test_the_database_itself_opens_a_balance_once(clerk: Clerk, shop: Town) -> None:
    """What is noted of an opening is only added to, and for each member once."""
    clerk.bring("external_id,balance\na,500\n")
    with pytest.raises(Exception, match="opening_balances_pkey"), shop.service.begin() as tx:
        tx.execute(text("INSERT INTO opening_balances SELECT member_id, 1, transaction_id FROM opening_balances"))
    with pytest.raises(Exception, match="append-only"), shop.service.begin() as tx:
        tx.execute(text("DELETE FROM opening_balances"))


def test_faults_are_told_by_row_and_column_and_stop_nothing(clerk: Clerk, shop: Town) -> None:
    """Every fault of every row is told; all other rows come in."""
    job = clerk.bring(
        "external_id,name,locale,balance,expires_at,tier,tier_until,enrolled_at,email\n"
        "a,Ann,en,5,,,,,\n"
        ",Bob,en,5,,,,,\n"
        "c,Cid,en,5.5,31.12.2026,,,,\n"
        'd,"Dan,en,5,,,,,\n'
        "e,Eve,en,5,2026-05-31,gold,2020-01-01,2027-01-01,eve\n"
        "f,Fay,,,2026-12-31,,2026-12-31,,\n"
        "g,Gus\n"
        "h,Hal,en,5,,,,,\n"
    )
    assert (job.state, job.done, job.refused) == ("done", 8, 6)
    told = clerk.refused(job)
    assert told[3] == "external_id is missing"
    assert "balance should be a whole number" in told[4]
    assert "expires_at should be a day" in told[4]
    assert "quote" in told[5]
    assert told[6] == "email should be an e-mail address"
    assert told[7] == "expires_at says nothing without balance; tier_until says nothing without tier"
    assert told[8] == "has 2 cells, and the head 9"
    assert [shop.member(name).position.available for name in "ah"] == [5, 5]
    job = clerk.bring(
        "external_id,balance,expires_at,tier,tier_until,enrolled_at\ne,5,2026-05-31,gold,2020-01-01,2027-01-01\n"
    )
    assert clerk.refused(job) == {
        2: "tier is none of the programme's: page, chapter, novel; tier_until is over; expires_at is over; "
        "enrolled_at lies in the future"
    }


def test_a_faulty_head_refuses_the_file_before_anything_is_done(clerk: Clerk, service: Service) -> None:
    """Neither a job nor a file is left behind, and neither is one of a file that is too large."""
    with pytest.raises(SheetRefused, match="did you mean balance"):
        clerk.ask("external_id,blance\na,5\n")
    with pytest.raises(SheetTooLarge):
        clerk.ask((b"external_id\n" if not n else b"x" * 999 + b"\n" for n in range(300)), most=200_000)
    assert count(service, "SELECT count(*) FROM jobs") == count(service, "SELECT count(*) FROM job_files") == 0


def test_a_sender_who_gives_up_leaves_nothing(clerk: Clerk, service: Service) -> None:
    """Where the pieces stop coming with an error, what was laid down is gone."""

    def broken() -> Any:
        yield b"external_id\n" + b"a\n" * 100_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        clerk.ask(broken())
    assert count(service, "SELECT count(*) FROM job_file_parts") == 0


def test_a_large_file_is_taken_and_read_part_by_part(clerk: Clerk, service: Service) -> None:
    """Neither whoever takes it nor whoever does a piece of it holds more than a little of it."""
    pieces = (b"%d\n" % n * 1000 for n in range(10**3, 2 * 10**3))  # 5 MB, each row of a piece the same
    clerk.ask("external_id\nfirst\n")
    tracemalloc.start()
    job = clerk.ask(chain((b"external_id\n",), pieces))
    asking = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    assert service.jobs().step(job)
    working = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (clerk.job(job).total, clerk.job(job).done) == (1_000_000, 1)
    assert max(asking, working) < 2_000_000


def test_a_dry_run_says_the_same_and_enters_nothing(clerk: Clerk, service: Service) -> None:
    """What would come of it is what then comes of it."""
    body = "external_id,balance,tier\na,500,novel\nb,x,\nc,,gold\na,500,novel\nd,,\n"
    dry = clerk.bring(body, dry_run=True)
    assert count(service, "SELECT count(*) FROM members") == 0
    assert count(service, "SELECT count(*) FROM ledger_transactions") == 0
    real = clerk.bring(body)
    assert clerk.refused(dry) == clerk.refused(real)
    assert dry.result == {"added": 3, "opened": 2, "points": 1000}  # it does not know the first row from the fourth
    assert real.result == {"added": 2, "opened": 1, "points": 500, "same": 1}
    assert (dry.done, dry.refused) == (real.done, real.refused) == (5, 2)


def test_somebody_twice_in_a_file_is_one_member(clerk: Clerk, shop: Town) -> None:
    """Later rows say more of the same member, also within one piece."""
    job = clerk.bring("external_id,name,balance\na,Ann,5\na,Anna,5\nb,Bob,1\na,,5\n")
    assert job.result == {"added": 2, "opened": 2, "points": 6, "changed": 1, "same": 1}
    assert shop.member("a").profile.name == "Anna"
    assert shop.balances("a") == (5, 0)


def test_json_lines_say_the_same(clerk: Clerk, shop: Town) -> None:
    """Numbers may be numbers, what is null or missing says nothing, and a key that is not known is a fault."""
    job = clerk.bring(
        '{"external_id": "a", "balance": 12, "name": "Ann", "tier": null}\n'
        '{"external_id": "b", "balance": "12"}\n'
        '{"external_id": "c", "balance": 1.5, "blance": 3, "n\\u0000": 1}\n'
        '{"external_id": "d\\u0000", "name": ["x"]}\n'
    )
    assert job.result == {"added": 2, "opened": 2, "points": 24}
    told = clerk.refused(job)
    assert "blance is no column that is known" in told[3]
    assert told[4] == "external_id should hold printable characters only; name should be a text"
    assert shop.balances("a") == (12, 0)


def test_an_existing_card_shows_what_came(
    clerk: Clerk, shop: Town, service: Service, client: FlaskClient, device: Device
) -> None:
    """A member who has the card on a phone is pushed the opening balance as any other change."""
    card = card_of(service, shop.enrol("ann")["serial_number"])
    assert device.register(card).status_code == 201
    clerk.bring("external_id,balance\nann,77\n")
    assert card_of(service, card.serial_number).revision == card.revision + 1
    assert count(service, "SELECT wanted FROM wallets") == card.revision + 1
    assert faults(service) == []


def test_orders_that_came_before_are_given_to_an_imported_member(clerk: Clerk, shop: Town) -> None:
    """By the merchant's own id, and by an e-mail address; nothing that was accepted is lost."""
    shop.buy(1_000, order="o1", customer="ann")
    by_mail = Customer(identities=(Identity("email", "bob@mail.example"),))
    shop.say("order.paid", OrderPaid(by_mail, "o2", "EUR", 2_000))
    clerk.bring("external_id,email,balance\nann,,5\nbob,bob@mail.example,5\ncid,cid@mail.example,5\n")
    assert [shop.balances(name)[0] for name in ("ann", "bob", "cid")] == [15, 25, 5]
    assert count(shop.service, "SELECT count(*) FROM orders WHERE member_id IS NULL") == 0
    assert count(shop.service, "SELECT count(*) FROM order_identities") == 0
    assert faults(shop.service) == []


def test_whom_we_know_by_an_address_is_meant_by_it(clerk: Clerk, shop: Town) -> None:
    """A member whom the merchant gave no id is found by its address; one who has an id keeps the address to itself."""
    mail = Identity("email", "ann@mail.example")
    told = shop.say("member.enrolled", MemberEnrolled(Customer(identities=(mail,)), None, None))
    ours = str(told["customer_id"])
    job = clerk.bring(
        "external_id,email,balance\n"
        "c-1,ann@mail.example,50\n"
        "c-2,two@mail.example,1\n"
        "c-3,two@mail.example,1\n"
        f"{ours},,50\n"
    )
    assert shop.balances(ours) == (50, 0)
    assert clerk.refused(job) == {4: "email is that of c-2 already, who is another member"}
    assert job.result == {"changed": 1, "added": 1, "same": 1, "opened": 2, "points": 51}
    assert count(shop.service, "SELECT count(*) FROM members") == 2
    assert clerk.bring("external_id,email,balance\nc-1,ann@mail.example,50\n").result == {"same": 1}


def test_a_row_about_a_merged_member_is_about_the_survivor(clerk: Clerk, shop: Town) -> None:
    """As events are; and a balance is opened once for both."""
    shop.enrol("old"), shop.enrol("new")
    shop.do(lambda operation: merge(operation, merged=Customer(id="old"), survivor=Customer(id="new"), reason="twice"))
    job = clerk.bring("external_id,name,balance\nold,Ann,10\nnew,,10\n")
    assert job.result == {"changed": 1, "opened": 1, "points": 10, "same": 1}
    assert shop.balances("new") == (10, 0)
    assert faults(shop.service) == []


def test_nobody_comes_back_in_the_place_of_somebody_erased(clerk: Clerk, shop: Town) -> None:
    """The same person joins as somebody new, and what stands in the books in place of the old id is no id."""
    shop.enrol("ann")
    public_id = shop.member("ann").public_id
    shop.do(lambda operation: erase(operation, customer=Customer(id="ann")))
    job = clerk.bring(f"external_id,balance\nann,5\nerased:{public_id},6\n{public_id},7\n")
    assert clerk.refused(job) == {3: "external_id stands for somebody who was erased, and is nobody's"}
    assert job.result == {"added": 2, "opened": 2, "points": 12}
    assert shop.member("ann").public_id != public_id


def test_points_that_are_opened_die_as_said_or_by_the_rules(town: Callable[[str], Town], clock: Clock) -> None:
    """On the day after the one that the row names, or after the programme's period; the calendar sees to it."""
    shop = town(rules(points=YEARLY))
    clerk = Clerk(shop.service)
    clerk.bring("external_id,balance,expires_at\na,5,2026-06-30\nb,5,\n")
    assert [shop.member(name).position.dying_on for name in "ab"] == [date(2026, 6, 30), date(2027, 5, 31)]
    clock.now = datetime(2026, 6, 30, 21, tzinfo=UTC)
    shop.sweep()
    assert shop.balances("a") == (5, 0)
    clock.now += timedelta(hours=1, seconds=1)
    shop.sweep()
    assert (shop.balances("a"), shop.balances("b")) == ((0, 0), (5, 0))
    assert faults(shop.service) == []


def test_a_day_is_refused_where_all_points_die_together(town: Callable[[str], Town]) -> None:
    """Where silence lets points die, no lot has a day of its own."""
    shop = town(rules(points='expiry = { mode = "inactivity", period = "P6M" }'))
    clerk = Clerk(shop.service)
    job = clerk.bring("external_id,balance,expires_at\na,5,2026-06-30\nb,5,\n")
    assert "when a member has been silent" in clerk.refused(job)[2]
    assert shop.balances("b") == (5, 0)


def test_a_tier_is_held_through_its_day_and_no_longer(town: Callable[[str], Town], clock: Clock) -> None:
    """As one that is set by hand; the lowest tier needs no hand."""
    shop = town(rules(more=TIERS))
    clerk = Clerk(shop.service)
    clerk.bring("external_id,tier,tier_until\na,novel,2026-06-30\nb,page,\nc,novel,\n")
    assert count(shop.service, "SELECT count(*) FROM tier_changes WHERE kind = 'set_manually'") == 2
    tiers = [rank.tier for name in "abc" if (rank := shop.member(name).position.rank)]
    assert tiers == ["novel", "page", "novel"]
    clock.now = datetime(2026, 8, 1, tzinfo=UTC)
    shop.sweep()
    tiers = [rank.tier for name in "abc" if (rank := shop.member(name).position.rank)]
    assert tiers == ["page", "page", "novel"]


def test_a_day_that_is_named_holds_where_activity_keeps_points_alive(town: Callable[[str], Town]) -> None:
    """What is brought is no activity of the member, where it has days of its own."""
    extended = 'expiry = { mode = "rolling", period = "P6M", extend_on_activity = "P1Y" }'
    shop = town(rules(points=extended))
    Clerk(shop.service).bring("external_id,balance,expires_at\na,5,2026-09-30\nb,5,\n")
    days = [shop.member(name).position.dying_on for name in "ab"]
    assert days == [date(2026, 9, 30), date(2026, 11, 30)]


def test_what_a_row_brings_dies_by_the_tier_of_the_row(town: Callable[[str], Town]) -> None:
    """Whether the member was in it before or comes into it by the same row."""
    long = TIERS.rstrip() + '\npoints_expiry = { mode = "rolling", period = "P3Y" }\n'
    shop = town(rules(points='expiry = { mode = "rolling", period = "P1M" }', more=long))
    clerk = Clerk(shop.service)
    clerk.bring("external_id,balance,tier\na,500,novel\n")
    clerk.bring("external_id,tier\nb,novel\n")
    clerk.bring("external_id,balance,tier\nb,500,novel\n")
    assert [shop.member(name).position.dying_on for name in "ab"] == [date(2029, 5, 31)] * 2


def test_an_imported_member_gets_no_welcome(town: Callable[[str], Town]) -> None:
    """What enrolling earns is for those who join here; but a birthday brings its gift."""
    more = """
        [[earning_rule]]
        code = "welcome"
        on = "member.enrolled"
        points = 100
        [[trigger]]
        code = "cake"
        on = "member.birthday"
        points = 50
    """
    shop = town(rules(more=more))
    Clerk(shop.service).bring("external_id,birthday,enrolled_at\na,06-01,2020-01-01\n")
    assert shop.enrol("b")["balance"] == 100
    assert shop.balances("a") == (0, 0)
    shop.sweep()
    assert shop.balances("a") == (50, 0)


def unlucky(service: Service) -> None:
    """Have the database refuse cards of customers whose names begin badly: a fault of ours, and of no row."""
    with service.begin() as tx:
        tx.execute(
            text("""
                CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF EXISTS (SELECT FROM members WHERE id = NEW.member_id AND external_id LIKE 'bad%') THEN
                        RAISE EXCEPTION 'a fault of ours' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                END $$
            """)
        )
        tx.execute(text("CREATE TRIGGER fail BEFORE INSERT ON cards FOR EACH ROW EXECUTE FUNCTION fail()"))


def test_a_row_that_fails_for_no_fault_of_its_own_stops_nothing(clerk: Clerk, shop: Town, service: Service) -> None:
    """It is found by halving the piece, refused with a word to look into the log, and all others come in."""
    unlucky(service)
    names = ["bad" if n in (0, 27, 39) else f"c{n}" for n in range(40)]
    job = clerk.bring("external_id,balance\n" + "".join(f"{name}{n},1\n" for n, name in enumerate(names)))
    assert job.state == "done"
    assert list(clerk.refused(job)) == [2, 29, 41]
    assert "the fault is ours" in clerk.refused(job)[2]
    assert job.result == {"added": 37, "opened": 37, "points": 37, "unexpected": 3}
    assert faults(service) == []


def test_a_job_whose_every_row_fails_is_given_up(clerk: Clerk, service: Service, clock: Clock) -> None:
    """A fault of ours that hits them all ends the job after some tries, and its file is kept to look into."""
    unlucky(service)
    public_id = clerk.ask("external_id\n" + "".join(f"bad{n}\n" for n in range(5)))
    worker = replace(service.jobs(), kinds={"import": replace(_importer(service), most_unexpected=3).piece})
    for _ in range(12):
        work_off(worker)
        clock.on(days=1)
    job = clerk.job(public_id)
    assert (job.state, job.done, job.refused) == ("failed", 3, 3)
    assert job.last_error is not None
    assert "bad" not in job.last_error
    assert count(service, "SELECT count(*) FROM job_files") == 1


def test_a_file_is_gone_with_its_job_and_refusals_after_a_time(clerk: Clerk, service: Service, clock: Clock) -> None:
    """Persons are kept no longer than needed: the file until the job ends, what was refused for some days."""
    job = clerk.bring("external_id,balance\na,x\n")
    asleep = clerk.ask("external_id\nb\n")
    assert count(service, "SELECT count(*) FROM job_files") == 1
    assert list(clerk.refused(job)) == [2]
    clock.on(days=29)
    service.prune_jobs()
    assert list(clerk.refused(job)) == [2]
    clock.on(days=2)
    service.prune_jobs()
    assert clerk.refused(job) == {}
    assert clerk.job(asleep).file_id is not None
    work_off(service.jobs())
    assert clerk.job(asleep).state == "done"


def test_nothing_of_a_person_is_readable_in_what_is_kept(clerk: Clerk, service: Service) -> None:
    """Files and refused rows are sealed, and jobs themselves name nobody."""
    clerk.bring("external_id,name,balance\na,Zaphira,x\n")
    clerk.ask("external_id,name,balance\na,Zaphira,x\n")
    with service.read() as tx:
        for table in ("jobs", "job_files", "job_file_parts", "job_refusals", "operations"):
            rows = [bytes(str(row), "utf-8") for row in tx.execute(text(f"SELECT * FROM {table}"))]
            assert rows
            assert not any(b"Zaphira" in row for row in rows)


@pytest.mark.parametrize("seed", range(2))
def test_however_it_is_cut_a_file_comes_to_the_same(clerk: Clerk, shop: Town, service: Service, seed: int) -> None:
    """Pieces of any size, workers who die in the middle, and refused rows between: each row counts once."""
    chance = random.Random(seed)
    lines = [f'c{n},"Ann, {n}",{"" if n % 5 else n}' if n % 7 else f'c{n},"Ann\n{n}",minus' for n in range(30)]
    public_id = clerk.ask("external_id,name,balance\n" + "\n".join(lines))
    jobs = service.jobs()
    for _ in range(200):
        worker = replace(jobs, kinds={"import": replace(_importer(service), rows=chance.randint(1, 9)).piece})
        if chance.random() < 0.3:
            _die(clerk, worker)
        elif clerk.job(public_id).over:
            break
        else:
            worker.step()
            service.clock.on(seconds=90)  # type: ignore[attr-defined]
    job = clerk.job(public_id)
    assert (job.state, job.done, job.total, job.refused) == ("done", 30, 30, 5)
    opened = [n for n in range(30) if n % 7 and n % 5 == 0 and n]
    assert job.result == {"added": 25, "opened": len(opened), "points": sum(opened)}
    assert count(service, "SELECT count(*) FROM members") == 25
    assert faults(service) == []


def _importer(service: Service) -> MemberImport:
    return MemberImport(
        service.begin, service.begin_pipelined, service.read, service.in_force, service.clock, service.vault,
        service.identity.pass_type_identifier,
    )  # fmt: skip


class Died(BaseException):
    """A worker's process ends in the middle of a piece."""


def _die(clerk: Clerk, worker: Any) -> None:
    """Let a worker do a piece but for its end."""

    def piece(job: Any) -> None:
        importer = _importer(clerk.service)

        def begin() -> Any:
            return _Dying(clerk.service.begin())

        replace(importer, begin_pipelined=begin).piece(job)

    try:
        replace(worker, kinds={"import": piece}).step()
    except Died:
        clerk.service.clock.on(seconds=90)  # type: ignore[attr-defined]


class _Dying:
    """A transaction that never comes to its commit."""

    def __init__(self, transaction: Any) -> None:
        self.transaction = transaction

    def __enter__(self) -> Any:
        return self.transaction.__enter__()

    def __exit__(self, *_: Any) -> None:
        died = Died()
        self.transaction.__exit__(Died, died, None)
        raise died
