"""Events entered a second, against the same statements sent by PostgreSQL's own `pgbench`."""

import itertools
import os
import re
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.stand import Stand, stand
from wallet_service.domain.event import Customer, OrderPaid
from wallet_service.storage.embedded import programs_folder

MEMBERS = 200
ROUNDS = 5
EVENTS = 400  # for each writer count and round

# What `receive` sends for a paid order of a member with one card, statement by statement.
RAW = """
\\set member random(1, 200)
\\set n random(1, 1000000000000)
BEGIN;
SELECT pg_advisory_xact_lock(:n);
SELECT coalesce(members.external_id, orders.customer_id) FROM orders LEFT JOIN members ON members.id = orders.member_id
    WHERE orders.source_id = 1 AND order_id = concat('raw', :n::bigint);
SELECT pg_advisory_xact_lock(:member);
SELECT content_hash, answer FROM events WHERE source_id = 1 AND event_id = concat('raw', :n::bigint);
SELECT members.id, public_id, external_id, enrolled_at, name, locale, cards.id, serial_number,
       authentication_token, code, pass_type_identifier, revision, modified_at, announced, face_digest,
       available, qualifying
    FROM members JOIN cards ON cards.member_id = members.id JOIN balances ON balances.member_id = members.id
    LEFT JOIN profiles ON profiles.member_id = members.id WHERE members.id = :member;
SELECT id FROM orders WHERE source_id = 1 AND order_id = concat('raw', :n::bigint);
INSERT INTO orders (source_id, order_id, member_id, eligible_minor, refunded_minor, earned, kept)
    VALUES (1, concat('raw', :n::bigint), :member, 4200, 0, 42, 42)
    ON CONFLICT (source_id, order_id) DO UPDATE SET kept = excluded.kept RETURNING id;
UPDATE cards SET revision = revision + 1, modified_at = now(), changed_xid = pg_current_xact_id()
    WHERE member_id = :member;
UPDATE wallets SET wanted = wanted + 1
    FROM (SELECT id FROM wallets WHERE card_id = :member ORDER BY id FOR UPDATE) AS locked WHERE wallets.id = locked.id;
INSERT INTO events (source_id, event_id, type, content_hash, occurred_at, received_at, body, answer)
    VALUES (1, concat('raw', :n::bigint), 'order.paid', '\\x00', now(), now(), '{}', '{"status": "processed"}')
    ON CONFLICT (source_id, event_id) DO NOTHING RETURNING id;
WITH posted AS (
    INSERT INTO ledger_transactions (member_id, event_id, position, type, rule, effective_at, created_at)
    SELECT :member, id, 0, 'earn', 'purchase', now(), now() FROM events
    WHERE source_id = 1 AND event_id = concat('raw', :n::bigint) RETURNING id
), entries AS (
    INSERT INTO ledger_entries (transaction_id, account_id, points)
    SELECT posted.id, ledger_accounts.id, CASE WHEN member_id IS NULL THEN -42 ELSE 42 END
    FROM posted, ledger_accounts WHERE member_id = :member OR (kind = 'issuance' AND member_id IS NULL)
), qualification AS (
    INSERT INTO qualifications (member_id, transaction_id, amount, occurred_at)
    SELECT :member, id, 42, now() FROM posted
)
UPDATE balances SET available = available + 42, qualifying = qualifying + 42 WHERE member_id = :member;
COMMIT;
"""


def run() -> list[str]:
    """Return the lines to print: ours over raw, with one writer and with eight."""
    with stand(MEMBERS) as ready, tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "raw.sql"
        script.write_text(RAW)
        numbers = itertools.count()
        lines = []
        for writers in (1, 8):
            ours, raw = [], []
            for _ in range(ROUNDS):
                ours.append(_ours(ready, numbers, writers))
                raw.append(_raw(ready, script, writers))
            ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, raw, strict=True))
            lines.append(
                f"events, {writers} writer{'s' * (writers > 1)}: {statistics.median(ours):,.0f}/s, "
                f"pgbench with the same statements {statistics.median(raw):,.0f}/s, ratio {ratio:.2f}"
            )
        return lines


def _ours(ready: Stand, numbers: "itertools.count[int]", writers: int) -> float:
    def post(number: int) -> None:
        who = Customer(id=ready.customers[number % MEMBERS])
        ready.receive(f"event {number}", "order.paid", OrderPaid(who, f"order {number}", "EUR", 4200))

    todo = list(itertools.islice(numbers, EVENTS))
    started = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(post, todo))
    return EVENTS / (time.perf_counter() - started)


def _raw(ready: Stand, script: Path, writers: int) -> float:
    embedded = ready.service.embedded
    assert embedded
    done = subprocess.run(
        [programs_folder() / "pgbench", "-n", "-M", "prepared", "-c", str(writers), "-j", "1",
         "-t", str(EVENTS // writers), "-f", script, "-h", embedded.socket_folder, "-U", "postgres", "wallet"],
        env=os.environ | {"PGPASSWORD": (embedded.folder / "password").read_text()},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+) \(without", done.stdout)
    assert found, done.stderr
    return float(found[1])


if __name__ == "__main__":
    print("\n".join(run()))
