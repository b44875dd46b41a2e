"""What phones report is kept in short, and nobody can fill the tables with it."""

from datetime import timedelta

from actors import START
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from wallet_service.storage import device_logs
from wallet_service.storage.device_logs import LONGEST_LINE, MOST_A_MINUTE, MOST_KEPT, MOST_LINES


def add(engine: Engine, lines: list[str], *, after: timedelta = timedelta(0)) -> int:
    """Add lines at a time after the start."""
    with engine.begin() as tx:
        return device_logs.add(tx, lines, now=START + after)


def kept(engine: Engine, most: int = 100) -> list[str]:
    """Return the newest lines that were kept."""
    with engine.connect() as tx:
        return [message for _, message in device_logs.latest(tx, most)]


def test_lines_are_kept_with_their_time_newest_first(engine: Engine) -> None:
    """Reports come back in the reverse of their order, each with the time at which it arrived."""
    assert add(engine, ["one", "two"]) == 2
    assert add(engine, ["three"], after=timedelta(seconds=1)) == 1
    with engine.connect() as tx:
        assert device_logs.latest(tx, 2) == [(START + timedelta(seconds=1), "three"), (START, "two")]


def test_nothing_is_no_report(engine: Engine) -> None:
    """An empty list keeps nothing."""
    assert add(engine, []) == 0
    assert kept(engine) == []


def test_one_report_has_fifty_lines_at_the_most(engine: Engine) -> None:
    """The first fifty lines are kept, the others dropped."""
    assert add(engine, [str(each) for each in range(80)]) == MOST_LINES
    assert kept(engine)[0] == "49"


def test_a_long_line_is_cut(engine: Engine) -> None:
    """A line ends after a thousand characters."""
    add(engine, ["x" * 100_000])
    assert kept(engine) == ["x" * LONGEST_LINE]


def test_a_line_is_one_line_of_printable_characters(engine: Engine) -> None:
    """What a terminal would obey, or PostgreSQL cannot hold, becomes a space."""
    shown = {
        "\x00": " ",
        "a\nb\tc\r": "a b c ",
        "\x1b[31mred": " [31mred",
        "\ud800": " ",
        "\u202egnp.exe": " gnp.exe",
        "žluťoučký кот 🐈": "žluťoučký кот 🐈",
        "": "",
    }
    add(engine, list(shown))
    assert kept(engine)[::-1] == list(shown.values())


def test_a_minute_has_room_for_so_many_lines(engine: Engine) -> None:
    """Beyond 600 lines a minute everything is dropped; a minute later there is room again."""
    counts = [add(engine, ["x"] * MOST_LINES) for _ in range(14)]
    assert counts == [MOST_LINES] * (MOST_A_MINUTE // MOST_LINES) + [0, 0]
    assert add(engine, ["y"], after=timedelta(seconds=59)) == 0
    assert add(engine, ["z"], after=timedelta(minutes=1)) == 1


def test_the_last_of_the_room_is_used(engine: Engine) -> None:
    """A report that does not fit whole is kept as far as it fits."""
    for _ in range(11):
        add(engine, ["x"] * MOST_LINES)
    add(engine, ["x"] * 40)
    assert add(engine, [str(each) for each in range(30)]) == 10


def test_a_clock_that_goes_back_opens_no_door(engine: Engine) -> None:
    """Lines from the future count as recent, so that a corrected clock does not lift the limit."""
    for _ in range(12):
        add(engine, ["x"] * MOST_LINES, after=timedelta(hours=1))
    assert add(engine, ["y"]) == 0


def test_old_lines_make_way(engine: Engine) -> None:
    """Ten thousand lines are kept, the oldest go first."""
    with engine.begin() as tx:
        tx.execute(
            text(
                "INSERT INTO device_logs (received_at, message) SELECT :old, n::text FROM generate_series(1, 10005) n"
            ),
            {"old": START - timedelta(days=1)},
        )
    add(engine, ["newest", "last"])
    with engine.connect() as tx:
        lines = device_logs.latest(tx, 20_000)
    assert len(lines) == MOST_KEPT
    assert (lines[0][1], lines[-1][1]) == ("last", "8")


def test_any_text_can_be_kept(engine: Engine) -> None:
    """No line that a stranger posts is too odd for the database."""

    @given(st.lists(st.text(alphabet=st.characters(), max_size=50), max_size=5))
    @settings(max_examples=30, deadline=None)
    def keep(lines: list[str]) -> None:
        with engine.connect() as tx:
            assert device_logs.add(tx, lines, now=START) == len(lines)
            tx.rollback()

    keep()
