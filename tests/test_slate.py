"""Tests that follow each other on one database begin as if each had a new one."""

import pytest
from slate import LARGE, Slate, alone, shape, wipe
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

FIRST = text("INSERT INTO device_logs (received_at, message) VALUES (now(), :message) RETURNING id")


@pytest.mark.parametrize("rows", [1, LARGE // 200])
def test_wiped_tables_are_as_new_ones(engine: Engine, rows: int) -> None:
    """No row is left, of few or of many, and the first one afterwards is number 1 again."""
    with engine.begin() as tx:
        before = shape(tx)
        first = [tx.execute(FIRST, {"message": "x" * 300}).scalar_one() for _ in range(rows)]
    with engine.begin() as tx:
        wipe(tx)
    with engine.begin() as tx:
        left = tx.execute(text("SELECT count(*) FROM device_logs")).scalar_one()
        again = tx.execute(FIRST, {"message": "again"}).scalar_one()
        assert (first[0], left, again) == (1, 0, 1)
        assert shape(tx) == before


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE lots DISABLE TRIGGER append_only",
        "ALTER TABLE lots ADD CONSTRAINT no_more CHECK (points > 0)",
        "ALTER TABLE lots ADD COLUMN colour text",
        "ALTER TABLE lots ALTER COLUMN points SET DEFAULT 1",
        "CREATE TABLE mine (id int)",
        "DROP TABLE device_logs",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "GRANT SELECT ON lots TO PUBLIC",
        "CREATE INDEX mine ON lots (points)",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_tables_that_were_changed_are_told_from_sound_ones(engine: Engine, change: str) -> None:
    """Whatever is changed of the tables themselves shows, so that the next test gets a database made anew."""
    with engine.begin() as tx:
        before = shape(tx)
        with tx.begin_nested() as nested:
            tx.execute(text(change))
            assert shape(tx) != before
            nested.rollback()
        assert shape(tx) == before


def test_connections_that_a_test_has_broken_are_made_anew(engine: Engine, slate: Slate) -> None:
    """Whether one is found broken, or is broken off in the middle of something, the next test gets sound ones."""
    with engine.connect() as first, engine.connect() as second:
        pids = [each.execute(text("SELECT pg_backend_pid()")).scalar_one() for each in (first, second)]
    assert slate.wiped()
    with engine.begin() as tx:
        tx.execute(text("SELECT pg_terminate_backend(pid) FROM unnest(CAST(:pids AS int[])) AS pid "
                        "WHERE pid <> pg_backend_pid()"), {"pids": pids})  # fmt: skip
    for _ in range(2):
        assert slate.wiped()
    forgotten = engine.connect()
    forgotten.execute(FIRST, {"message": "never committed"})
    assert slate.wiped()
    forgotten.invalidate()
    with engine.connect() as first, engine.connect() as second:
        assert [each.execute(text("SELECT 1")).scalar_one() for each in (first, second)] == [1, 1]


def test_what_another_test_has_left_open_is_broken_off(engine: Engine) -> None:
    """A transaction that somebody has forgotten ends, and is not waited for in vain."""
    forgotten = create_engine(engine.url)
    with forgotten.connect() as connection:
        connection.execute(FIRST, {"message": "never committed"})
        alone(engine)
        with pytest.raises(OperationalError, match=r"terminating connection|closed"):
            connection.execute(text("SELECT 1"))
        connection.invalidate()
    forgotten.dispose()
