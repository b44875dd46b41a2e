"""What has been posted is sealed; any later change of it is found and named, and a receipt proves it to anybody."""

import json
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import books
import pytest
from actors import START, Clock, Shop
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from history import RULES, Story, live, with_rules
from sqlalchemy import text

from wallet_service import worker
from wallet_service.cli import main
from wallet_service.domain.errors import NotSealed
from wallet_service.domain.receipt import parse
from wallet_service.storage import seals
from wallet_service.storage.signing import SigningKey, genuine, make_key
from wallet_service.usecases.seal import breaks, receipt, seal
from wallet_service.wiring import Service


@pytest.fixture
def sealed(service: Service, clock: Clock) -> Service:
    """A service whose members have lived through everything that moves points, sealed in several seals."""
    service = with_rules(service, RULES)
    live(Story(service, clock))
    while True:
        with service.begin() as tx:
            if seal(tx, service.signing_key, now=clock(), most=9) is None:
                return service


def found(service: Service) -> list[str]:
    """Return every place where seals and ledger do not agree."""
    return [str(each) for each in breaks(service.begin, genuine, {service.signing_key.public})]


def ids(service: Service) -> list[int]:
    """Return all transactions."""
    with service.read() as tx:
        return list(tx.execute(text("SELECT id FROM ledger_transactions ORDER BY id")).scalars())


def after_change(service: Service, change: str, **values: object) -> list[str]:
    """Return what is found after a change that somebody with all rights makes; it is taken back then."""
    with service.engine.connect() as tx:
        tx.execute(text("SET LOCAL session_replication_role = replica"))
        assert tx.execute(text(change), values).rowcount > 0, change
        named = [str(each) for each in breaks(lambda: nullcontext(tx), genuine, {service.signing_key.public})]
        tx.rollback()
    return named


def behind_the_guards(service: Service, *statements: str, **values: object) -> None:
    """Do what only somebody with all rights can do: the triggers are off."""
    with service.begin() as tx:
        tx.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            tx.execute(text(statement), values)


def test_everything_is_sealed_once_and_in_a_chain(sealed: Service) -> None:
    """Every transaction is in one seal, each seal follows on the one before, and nothing is left to seal."""
    with sealed.read() as tx:
        every = [
            each
            for position in range(99)
            if (each := seals.after(tx, position)) and each.signed.head.position > position
        ]
        assert seals.waiting(tx) == 0
    chained = list({each.signed.head.position: each for each in every}.values())
    assert sorted(one for each in chained for one in each.transaction_ids) == ids(sealed)
    assert len(chained) > 2
    assert [each.signed.head.previous for each in chained[1:]] == [each.signed.stated for each in chained[:-1]]
    assert found(sealed) == []


# What somebody does to the ledger, given the ninth transaction, and what is said of it.
CHANGES = (
    ("UPDATE ledger_entries SET points = points * 2 WHERE transaction_id = :id", "is not what was sealed"),
    ("UPDATE ledger_transactions SET effective_at = effective_at - interval '1 day' WHERE id = :id", "is not what was"),
    ("UPDATE ledger_transactions SET reason = 'another' WHERE id = :id", "is not what was sealed"),
    ("UPDATE ledger_transactions SET award = '{\"parts\": []}' WHERE id = :id", "is not what was sealed"),
    ("UPDATE ledger_transactions SET member_id = (SELECT max(id) FROM members) WHERE id = :id", "is not what was"),
    ("DELETE FROM ledger_entries WHERE transaction_id = :id", "is not what was sealed"),
    ("DELETE FROM lot_allocations WHERE transaction_id = :id", "is not what was sealed"),
    ("UPDATE lot_allocations SET delta = -delta WHERE transaction_id = :id", "is not what was sealed"),
    ("DELETE FROM ledger_transactions WHERE id = :id", "is missing from the ledger"),
    ("DELETE FROM sealed_transactions WHERE transaction_id = :id", "does not count as sealed where it is"),
)


PARTS = (
    ("lots", "SET expires_at = '2099-01-01'"),
    ("lots", "SET points = points + 1"),
    ("lots", "SET member_id = (SELECT max(id) FROM members)"),
    ("holds", "SET points = points + 1"),
    ("hold_outcomes", "SET points = points + 1"),
    ("qualifications", "SET spend = spend + 1"),
    ("qualifications", "SET day = '2020-01-01'"),
)
SEALS = (
    ("UPDATE ledger_seals SET sealed_at = sealed_at + interval '1 hour' WHERE position = 2", "seal 2: was changed"),
    ("UPDATE ledger_seals SET leaves = set_byte(leaves, 40, 7) WHERE position = 2", "seal 2: was changed"),
    ("UPDATE ledger_seals SET signature = set_byte(signature, 5, 7) WHERE position = 2", "seal 2: was changed"),
    ("UPDATE ledger_seals SET root = head WHERE position = 2", "seal 2: was changed"),
    ("UPDATE ledger_seals SET previous = root WHERE position = 2", "seal 2: does not follow"),
    ("DELETE FROM ledger_seals WHERE position = 2", "seal 2: is missing"),
    ("UPDATE ledger_seals SET transaction_ids = transaction_ids[2:] WHERE position = 2", "seal 2: was changed"),
)


def test_each_change_is_named(sealed: Service) -> None:
    """Whatever is changed or removed after it was sealed, behind the database's guards, its transaction is named."""
    ninth = ids(sealed)[8]
    for change, said in CHANGES:
        named = after_change(sealed, change, id=ninth)
        assert len(named) in (1, 2), change  # without its line in the index a transaction was also passed over
        assert f"transaction {ninth}, seal" in named[0], change
        assert said in named[0], change
    assert found(sealed) == []


def test_the_entry_that_was_altered_leads_to_its_transaction(sealed: Service) -> None:
    """Of the ninth entry, altered, the transaction is named that it belongs to."""
    with sealed.read() as tx:
        query = "SELECT id, transaction_id FROM ledger_entries ORDER BY id OFFSET 8 LIMIT 1"
        entry, victim = tx.execute(text(query)).one()
    (named,) = after_change(sealed, "UPDATE ledger_entries SET points = points + 1 WHERE id = :id", id=entry)
    assert f"transaction {victim}, seal" in named
    assert "is not what was sealed" in named


def test_all_that_belongs_to_a_transaction_is_sealed(sealed: Service) -> None:
    """Lots, holds, outcomes and what counts for a tier are part of what is sealed."""
    for table, change in PARTS:
        with sealed.read() as tx:
            victim = tx.execute(text(f"SELECT min(transaction_id) FROM {table}")).scalar_one()
        (named,) = after_change(sealed, f"UPDATE {table} {change} WHERE transaction_id = :id", id=victim)
        assert f"transaction {victim}, seal" in named
        assert "is not what was sealed" in named


INSERT = """
    INSERT INTO ledger_transactions (id, program_id, member_id, position, type, effective_at, created_at{more})
    SELECT :id, program_id, member_id, 0, 'adjust', effective_at, created_at{value}
    FROM ledger_transactions ORDER BY id LIMIT 1
"""


def test_a_transaction_put_into_the_past_is_named(sealed: Service) -> None:
    """One that pretends to be of a time that is sealed is named; so is one whose time is older than its seal's."""
    behind_the_guards(sealed, INSERT.format(more=", xid", value=", xid"), id=-5)
    assert found(sealed) == ["transaction -5: was inserted after all of its time had been sealed"]

    behind_the_guards(sealed, "DELETE FROM ledger_transactions WHERE id = -5", INSERT.format(more="", value=""), id=-6)
    assert found(sealed) == []
    assert sealed.seal() == 1
    (named,) = found(sealed)
    assert "transaction -6, seal" in named
    assert "bears a time at which it was not in the ledger yet" in named


def test_each_change_of_a_seal_is_named(sealed: Service) -> None:
    """Seals cannot be changed or removed unseen."""
    for change, said in SEALS:
        assert any(each.startswith(said) for each in after_change(sealed, change)), change


def test_a_chain_that_somebody_else_signed_is_named(sealed: Service) -> None:
    """Whoever makes the whole chain anew needs our key; a former key of ours is one that we know."""
    theirs, ours = SigningKey(make_key()), sealed.signing_key
    behind_the_guards(sealed, "DELETE FROM sealed_transactions", "DELETE FROM ledger_seals")
    with sealed.begin() as tx:
        seal(tx, theirs, now=START)
    said = [str(each) for each in breaks(sealed.begin, genuine, {ours.public})]
    assert said == [f"seal 1: is signed with a key that is not ours: {theirs.public.hex()}"]
    assert list(breaks(sealed.begin, genuine, {ours.public, theirs.public})) == []


def test_ids_that_commit_out_of_order_are_all_sealed(service: Service, shop: Shop) -> None:
    """What was posted first and is committed last is sealed later, and nothing is left out or named as wrong."""
    shop.enrol("ann")
    shop.buy(8_000, order="o1")
    assert service.seal() == 1
    slow = service.engine.connect()
    slow.execute(text(INSERT.format(more="", value="")), {"id": ids(service)[0] - 1})
    shop.buy(4_000, order="o2")
    assert service.seal() == 1
    slow.commit()
    slow.close()
    shop.buy(2_000, order="o3")
    assert service.seal() == 2
    assert service.seal() == 0
    assert found(service) == []


def test_one_seals_at_a_time_and_nobody_waits(service: Service, shop: Shop) -> None:
    """While one transaction seals another does nothing; purchases go on."""
    shop.enrol("ann")
    shop.buy(8_000, order="o1")
    with service.begin() as tx:
        assert seal(tx, service.signing_key, now=START) is not None
        assert service.seal() == 0
        shop.buy(4_000, order="o2")
    assert service.seal() == 1
    assert found(service) == []


def test_a_database_in_another_cluster_is_sealed_on(sealed: Service, shop: Shop) -> None:
    """Where a copy's transactions are numbered anew, all that no seal covers is found all the same."""
    behind_the_guards(
        sealed, "UPDATE ledger_seals SET cluster = 'another', floor = '999999999' WHERE floor IS NOT NULL"
    )
    shop.enrol("cid")
    shop.buy(100, order="c1", customer="cid")
    assert sealed.seal() == 1
    assert found(sealed) == []


def test_erasing_a_person_changes_nothing_that_is_sealed(sealed: Service) -> None:
    """Personal data lies apart from the ledger: without it every row is as before, and the chain still verifies."""
    tables = ("ledger_transactions", "ledger_entries", "lots", "lot_allocations", "holds", "qualifications")
    query = " UNION ALL ".join(f"SELECT '{each}' || {each}::text FROM {each}" for each in tables)

    def rows() -> list[str]:
        with sealed.read() as tx:
            return sorted(tx.execute(text(query)).scalars())

    before = rows()
    with sealed.begin() as tx:
        assert tx.execute(text("DELETE FROM profiles")).rowcount == 2
    assert rows() == before
    assert found(sealed) == []


def test_a_receipt_names_nobody(service: Service, shop: Shop) -> None:
    """The receipt says what was posted, and neither who the member is nor who acted; it proves it under our key."""
    enrolled = shop.enrol("ann@shop.example", name="Zora")
    shop.answer(
        "points.adjusted",
        {"customer": {"id": "ann@shop.example"}, "points": 5, "actor": "Jan Clerk", "reason": "Zora complained"},
    )
    (posted,) = ids(service)
    with service.read() as tx, pytest.raises(NotSealed):
        receipt(tx, posted)
    service.seal()
    with service.read() as tx:
        written = receipt(tx, posted).text()

    assert not any(word in written for word in ("ann@", "Zora", "Jan", "Clerk", "complained"))
    read = parse(written)
    assert read.transaction["member"] == enrolled["member_id"]
    assert {each["account"]: each["points"] for each in read.transaction["entries"]} == {
        "adjustment": -5,
        "available": 5,
    }
    assert read.proves()
    assert genuine(service.signing_key.public, read.signature, read.head.signed)


@pytest.fixture
def command(service: Service, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """What runs a command on the service's database."""
    monkeypatch.setenv("WALLET_DATABASE_URL", service.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("WALLET_DATA_FOLDER", str(service.settings.data_folder))
    monkeypatch.setenv("WALLET_TEMPLATES", str(service.settings.templates))
    return lambda *words: CliRunner().invoke(main, ["ledger", *words])


def test_a_receipt_is_checked_offline(
    service: Service, shop: Shop, command: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A written receipt is checked with no database at all; a changed one, and one of another issuer, are refused."""
    shop.enrol("ann")
    shop.buy(8_040, order="o1")
    service.seal()
    (posted,) = ids(service)
    file = tmp_path / "receipt.json"
    assert command("receipt", str(posted), "-o", str(file)).exit_code == 0
    assert command("receipt", "999", "-o", str(file)).exit_code == 1

    monkeypatch.setenv("WALLET_DATABASE_URL", "nowhere://at.all")
    monkeypatch.setenv("WALLET_PORT", "no port")
    ours = service.signing_key.public.hex()
    (tmp_path / "key").write_text(ours)
    for key in ([], ["--key", ours], ["--key", str(tmp_path / "key")]):
        checked = command("check", str(file), *key)
        assert checked.exit_code == 0, checked.output
        assert f"Transaction {posted} lies under head 1" in checked.output
    assert command("check", str(file), "--key", SigningKey(make_key()).public.hex()).exit_code == 1
    assert command("check", str(file), "--key", "no key").exit_code == 2

    good = json.loads(file.read_text())
    for place, value in (("transaction", good["transaction"] | {"rule": "gift"}), ("signature", "00" * 64)):
        file.write_text(json.dumps(good | {place: value}))
        assert command("check", str(file)).exit_code == 1


def test_verify_follows_the_chain(service: Service, shop: Shop, command: Callable[..., Result]) -> None:
    """The command says that all is well, and after a change which transaction is not what was sealed."""
    shop.enrol("ann")
    shop.buy(8_040, order="o1")
    service.seal()
    assert command("verify").exit_code == 0

    (posted,) = ids(service)
    behind_the_guards(service, "UPDATE ledger_entries SET points = points * 2")
    behind_the_guards(service, "UPDATE lot_allocations SET delta = delta * 2")
    behind_the_guards(service, "UPDATE lots SET points = points * 2")
    behind_the_guards(service, "UPDATE balances SET available = available * 2")
    done = command("verify")
    assert done.exit_code == 1
    assert f"transaction {posted}, seal 1: is not what was sealed" in done.output


def test_heads_are_told_to_anybody(
    service: Service, shop: Shop, client: FlaskClient, clock: Clock, command: Callable[..., Result]
) -> None:
    """The newest head is served with its signature, and the first of each day is listed."""
    address = "/.well-known/ledger-head.json"
    assert client.get(address).json == {"position": 0, "transactions": 0}
    assert "Nothing has been sealed yet" in command("head").output
    shop.enrol("ann")
    for hour in (0, 1, 30):
        clock.now = START + timedelta(hours=hour)
        shop.buy(1_000, order=f"o{hour}")
        service.seal()

    answer = client.get(address)
    told = answer.get_json()
    assert (told["position"], told["transactions"]) == (3, 3)
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert client.get(address, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    with service.read() as tx:
        newest = seals.last(tx)
    assert newest is not None
    assert (told["head"], told["public_key"]) == (newest.head.hash.hex(), service.signing_key.public.hex())
    assert genuine(bytes.fromhex(told["public_key"]), bytes.fromhex(told["signature"]), newest.head.signed)
    assert json.loads(command("head").output) == told
    assert [line.split()[:2] for line in command("heads").output.splitlines()] == [
        ["2026-06-02", "3"],
        ["2026-06-01", "1"],
    ]
    assert books.faults(service) == []


def test_the_worker_seals_once_more_when_it_is_stopped(service: Service, shop: Shop) -> None:
    """What was posted since the last minute is sealed before the worker leaves."""
    shop.enrol("ann")
    shop.buy(8_000, order="o1")
    stop = threading.Event()
    stop.set()
    worker.keep_doing("seal", worker.Chore(60.0, service.seal), stop)
    with service.read() as tx:
        assert seals.waiting(tx) == 0


def test_a_key_that_is_set_signs(service: Service, shop: Shop) -> None:
    """With WALLET_LEDGER_KEY heads are signed by that key; without it a key is made once and kept."""
    pem = make_key().decode()
    given = type(service.settings).model_validate(service.settings.model_dump() | {"ledger_key": pem})
    assert replace(service, settings=given).signing_key.public == SigningKey(pem.encode()).public
    again = replace(service)
    assert again.signing_key.public == service.signing_key.public
    assert (service.settings.data_folder / "ledger_key.pem").stat().st_mode & 0o077 == 0
