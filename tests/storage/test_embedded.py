"""The embedded PostgreSQL is shared, outlives whoever is killed, and leaves the machine as it was."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from wallet_service.domain.errors import DatabaseUnusable
from wallet_service.storage.embedded import SHARED, WHEEL, Embedded, programs_folder

ROOT = Path(__file__).parents[2]
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
USER = """
import sys
from pathlib import Path
from wallet_service.storage.embedded import Embedded
server = Embedded(Path(sys.argv[1]), settings={"fsync": "off"})
server.start()
print("started", flush=True)
sys.stdin.read()
print("last" if server.stop() else "others remain", flush=True)
"""
PROGRAMS = "from wallet_service.storage.embedded import programs_folder; print(programs_folder())"

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root must give the server to another user")


def open_folder() -> Path:
    """Return a new folder that every user may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="wallet-embedded-"))
    folder.chmod(0o755)
    return folder


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that every user may pass through, for one test."""
    folder = open_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder with a cluster in it, which the tests start and stop."""
    outside = open_folder()
    yield outside / "postgres"
    shutil.rmtree(outside)


@contextmanager
def user(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run another process that uses the server until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    """Return what the other process says next."""
    assert process.stdout
    while spoken := process.stdout.readline().strip():
        if spoken in ("started", "last", "others remain"):
            return spoken
    return "nothing"


def ask(server: Embedded, query: str) -> object:
    """Run a statement on the server's database and return the first value, if any."""
    engine = create_engine(server.url())
    try:
        with engine.begin() as connection:
            result = connection.execute(text(query))
            return result.scalar() if result.returns_rows else None
    finally:
        engine.dispose()


def answers(server: Embedded) -> bool:
    """Tell whether the server can be reached."""
    try:
        return ask(server, "SELECT 1") == 1
    except OperationalError:
        return False


def test_the_last_user_stops_it(folder: Path) -> None:
    """Two processes share one server; the first to leave lets it run, the last stops it."""
    ours = Embedded(folder, settings=FAST)
    ours.start()
    with user(folder) as other:
        assert line(other) == "started"
        started = ask(ours, "SELECT pg_postmaster_start_time()::text")
        assert ours.stop() is False

        again = Embedded(folder, settings=FAST)
        with again:
            assert ask(again, "SELECT pg_postmaster_start_time()::text") == started
        assert answers(ours)

        assert other.stdin
        other.stdin.close()
        assert line(other) == "last"
    assert not answers(ours)


def test_a_killed_user_is_not_counted(folder: Path) -> None:
    """A process that dies without a word leaves the server to those who remain, and holds nobody up."""
    with user(folder) as other:
        assert line(other) == "started"
        ours = Embedded(folder, settings=FAST)
        ours.start()
        os.kill(other.pid, signal.SIGKILL)
        other.wait(timeout=10)

        assert answers(ours)
        assert ours.stop() is True
    assert not answers(ours)


def test_a_server_that_everybody_left_by_dying_is_found_again(folder: Path) -> None:
    """Where the only user was killed, the next one takes the running server over and stops it."""
    with user(folder) as other:
        assert line(other) == "started"
        os.kill(other.pid, signal.SIGKILL)
        other.wait(timeout=10)
    ours = Embedded(folder, settings=FAST)
    assert answers(ours)
    ours.start()
    assert ours.stop() is True


def test_data_survives_a_restart(folder: Path) -> None:
    """What was committed is there after the server was stopped and started again, with the same password."""
    with Embedded(folder, settings=FAST) as server:
        ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        url = server.url()
    with Embedded(folder, settings=FAST) as server:
        assert ask(server, "SELECT answer FROM kept") == 42
        assert server.url() == url


def test_starting_and_stopping_twice_is_as_good_as_once(folder: Path) -> None:
    """One user is counted once however often it starts, and stopping what was not started is no error."""
    server = Embedded(folder, settings=FAST)
    assert server.stop() is False
    assert server.start() == server.start()
    assert server.stop() is True
    assert server.stop() is False


def test_a_server_that_died_can_be_left_and_started_again(folder: Path) -> None:
    """If PostgreSQL itself goes down at once, its users can still leave, and the next start recovers the data."""
    server = Embedded(folder, settings={"fsync": "off"})
    server.start()
    ask(server, "CREATE TABLE precious AS SELECT 7 AS number")
    os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
    while answers(server) or (server.data / "postmaster.pid").exists():
        time.sleep(0.01)

    assert server.stop() is True
    with Embedded(folder, settings=FAST) as again:
        assert ask(again, "SELECT number FROM precious") == 7


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    """The error carries the server's own log, and who failed to start is no user afterwards."""
    with pytest.raises(DatabaseUnusable, match=r"does not start:[\s\S]*shared_buffers"):
        Embedded(folder, settings={"shared_buffers": "a lot"}).start()
    server = Embedded(folder, settings=FAST)
    server.start()
    assert server.stop() is True


def test_there_is_no_port_and_no_way_in_without_the_password(folder: Path) -> None:
    """The server listens on its socket alone, and asks for the password that only its folder knows."""
    with Embedded(folder, settings=FAST) as server:
        assert ask(server, "SHOW listen_addresses") == ""
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
        stranger = create_engine(server.url().replace((folder / "password").read_text(), "guess"))
        with pytest.raises(OperationalError, match="password authentication failed"):
            stranger.connect()
        stranger.dispose()


def test_a_first_start_that_was_killed_is_begun_again(outside: Path) -> None:
    """Whoever is killed while the cluster is made leaves no half of it that would never start."""
    folder = outside / "postgres"
    with user(folder) as other:
        while not list(folder.glob("*/PG_VERSION")):
            assert other.poll() is None
            time.sleep(0.01)
        os.killpg(other.pid, signal.SIGKILL)
        other.wait(timeout=10)

    with Embedded(folder, settings=FAST) as server:
        assert answers(server)
    assert list(folder.glob("unfinished-*")) == []


@pytest.mark.parametrize(
    "name", ["x" * 120, "данные нашего магазина на улице", "a b", "a,b", "a'b", "a+b", "a%20b", "a&b"]
)
def test_a_path_that_cannot_hold_a_socket_gets_another_folder_for_it(outside: Path, name: str) -> None:
    """Where the path is too long in bytes, or means something to PostgreSQL or a URL, the socket lies elsewhere."""
    socket_folder = Embedded(outside / name).socket_folder
    assert len(os.fsencode(socket_folder)) <= 80
    assert not socket_folder.is_relative_to(outside)
    assert socket_folder == Embedded(outside / name).socket_folder != Embedded(outside / "x").socket_folder


def test_a_folder_of_any_name_works_under_a_strict_umask(outside: Path) -> None:
    """Neither odd characters in the path nor umask 077 keep the server from starting where it was asked to be."""
    folder = outside / "it's" / "100%20+1, данные & more"
    server = Embedded(folder, settings=FAST)
    umask = os.umask(0o077)
    try:
        with server:
            assert answers(server)
            assert server.folder == folder
            assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
    finally:
        os.umask(umask)
        shutil.rmtree(server.socket_folder, ignore_errors=True)


def test_a_socket_folder_of_somebody_else_is_refused(outside: Path) -> None:
    """A link or folder that another user put where the socket belongs is not used."""
    server = Embedded(outside / ("y" * 120), settings=FAST)
    trap = outside / "trap"
    trap.mkdir()
    server.socket_folder.symlink_to(trap)
    try:
        with pytest.raises(DatabaseUnusable, match="belongs to somebody else"):
            server.start()
    finally:
        server.socket_folder.unlink()


@as_root
def test_closed_folders_stay_closed(outside: Path) -> None:
    """As root a folder below closed ones works from elsewhere, and no mode or owner of theirs is changed."""
    home = outside / "home"
    project = home / "project"
    project.mkdir(parents=True)
    home.chmod(0o700)
    before = [each.stat() for each in (outside, home, project)]
    server = Embedded(project / "var" / "postgres", settings=FAST)
    try:
        with server:
            assert answers(server)
            assert ask(server, "SHOW data_directory") == str(server.data)
            assert server.folder.is_relative_to(SHARED)
        assert Embedded(project / "var" / "postgres").folder == server.folder
    finally:
        shutil.rmtree(server.folder, ignore_errors=True)

    after = [each.stat() for each in (outside, home, project)]
    assert [(each.st_mode, each.st_uid, each.st_gid) for each in after] == [
        (each.st_mode, each.st_uid, each.st_gid) for each in before
    ]


@as_root
def test_a_folder_that_is_closed_itself_is_left_alone(outside: Path) -> None:
    """A folder that exists and is closed counts as closed, not only its parents."""
    (outside / "closed").mkdir(mode=0o700)
    assert Embedded(outside / "closed").folder.is_relative_to(SHARED)


@as_root
def test_programs_in_a_closed_environment_are_copied_once(outside: Path) -> None:
    """As root the programs of an environment that is closed to others are copied, though two start at once."""
    closed = outside / "closed"
    programs = next(each for each in programs_folder().parents if each.name == WHEEL)
    only_one = programs_folder().relative_to(programs.parent) / "postgres"
    (closed / only_one).parent.mkdir(parents=True)
    shutil.copy(programs.parent / only_one, closed / only_one)
    (closed / WHEEL / "__init__.py").touch()
    (closed / f"{WHEEL}.libs").symlink_to(programs.parent / f"{WHEEL}.libs")
    closed.chmod(0o700)
    before = set(SHARED.glob("unfinished-*"))
    both = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAMS],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{closed}:{ROOT}"},
            stdout=subprocess.PIPE,
            text=True,
            umask=0o077,
        )
        for _ in range(2)
    ]
    told = {each.communicate(timeout=60)[0].splitlines()[-1] for each in both}
    copied = Path(told.pop())
    copy = SHARED / copied.relative_to(SHARED).parts[0]
    try:
        version = subprocess.run([copied / "postgres", "--version"], user="nobody", capture_output=True, check=True)
        assert version.stdout.startswith(b"postgres (PostgreSQL)")
        assert told == set()
        assert set(SHARED.glob("unfinished-*")) == before
    finally:
        shutil.rmtree(copy)
