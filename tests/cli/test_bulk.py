"""`wallet-service import`, `export` and `job`: what they do, print, and refuse."""

import csv
import io
import json
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from actors import START
from bulk_actors import work_off
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from wallet_service.apple.identity import Identity
from wallet_service.cli import main
from wallet_service.cli.bulk import Progress
from wallet_service.config import Settings
from wallet_service.domain.job import Job
from wallet_service.domain.template import Template
from wallet_service.surroundings import SIGNALS
from wallet_service.usecases.connect import connect
from wallet_service.wiring import Service, build

ROOT = Path(__file__).parent.parent.parent
BODY = "external_id,name,balance,tier\na,Ann,500,novel\nb,Bob,x,\nc,Cid,7,\n"
Command = Callable[..., Result]


@pytest.fixture
def shop(settings: Settings, engine: Engine, identity: Identity, starters: dict[str, Template]) -> Service:
    """A service whose programme is open."""
    typed = Settings(data_folder=settings.data_folder, templates=settings.templates)
    service = build(typed, engine=engine, identity=identity, loaded=starters)
    with service.begin() as tx:
        connect(tx, vault=service.vault, template=service.template("points"), name="shop", now=service.clock())
    return service


@pytest.fixture
def command(shop: Service, tmp_path: Path) -> Iterator[Command]:
    """Type a command; `ends` is the exit code that is expected."""
    environment = {
        "WALLET_DATA_FOLDER": str(tmp_path),
        "WALLET_TEMPLATES": str(ROOT / "pass_templates"),
        "WALLET_IMPORT_MEGABYTES": "1",
        "WALLET_DATABASE_URL": shop.engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
    }

    def typed(*words: object, ends: int = 0, given: str | None = None) -> Result:
        done = CliRunner().invoke(main, [str(each) for each in words], env=environment, input=given)
        assert done.exit_code == ends, done.output
        return done

    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield typed
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of members."""
    path = tmp_path / "members.csv"
    path.write_text(BODY)
    return path


def asked(done: Result) -> str:
    """Return the job that a command speaks of."""
    return next(word for word in done.output.replace(":", " ").split() if word.startswith("job_"))


def test_an_import_waits_for_workers_and_is_followed(command: Command, shop: Service, file: Path) -> None:
    """What is asked for is told at once, how far it is whenever one asks, and what came of it in the end."""
    done = command("import", file)
    job = asked(done)
    assert f"{job} waits for a worker: about 3 rows of members.csv." in done.output
    assert f"{job} waits for a worker: 0 of 3 rows" in command("job", "show", job).output
    assert "waiting" in command("job", "list").output
    work_off(shop.jobs())
    shown = command("job", "show", job).output
    assert f"{job} is done: 3 of 3 rows of members.csv." in shown
    for line in ("2 members added, each with a card", "2 balances opened, with 507 points in all", "1 rows refused"):
        assert line in shown
    assert f"wallet-service job refused {job}" in shown
    assert "cannot be cancelled" in command("job", "cancel", job, ends=1).output


def test_whoever_waits_does_the_work_and_hears_of_it(command: Command, file: Path) -> None:
    """No worker is needed; the end is 1 where rows were refused, and a second run has nothing to do."""
    done = command("import", file, "--wait", ends=1)
    assert "0 of 3 rows (0 %), 0 refused" in done.stderr
    assert "is done: 3 of 3 rows" in done.stdout
    file.write_text(BODY.replace(",x,", ",1,"))
    assert "1 members added" in command("import", file, "--wait").stdout
    assert "3 members as they were" in command("import", file, "--wait").stdout


def test_a_dry_run_says_that_it_is_one(command: Command, file: Path) -> None:
    """And leaves nobody."""
    done = command("import", file, "--dry-run", "--wait", ends=1)
    assert "what would be, and nothing was entered" in done.stdout
    assert "2 members added" in done.stdout
    assert command("export").stdout.count("\n") == 1
    assert "(dry run)" in command("job", "list").stdout


def test_refused_rows_come_in_again_once_put_right(command: Command, file: Path, tmp_path: Path) -> None:
    """The report has the columns of the file, and is itself a file that can be imported."""
    job = asked(command("import", file, "--wait", ends=1))
    report = tmp_path / "refused.csv"
    command("job", "refused", job, "-o", report)
    (row,) = csv.DictReader(io.StringIO(report.read_text()))
    assert row == {
        "row": "3", "reason": "balance should be a whole number from 0 to 1000000000",
        "external_id": "b", "name": "Bob", "balance": "x", "tier": "",
    }  # fmt: skip
    (line,) = command("job", "refused", job, "--format", "jsonl").stdout.splitlines()
    assert json.loads(line)["external_id"] == "b"
    report.write_text(report.read_text().replace(",x,", ",9,"))
    assert "1 members added" in command("import", report, "--wait").stdout


def test_a_pipe_is_as_good_as_a_file(command: Command) -> None:
    """In JSON Lines as well, and an export written by its name's ending."""
    done = command("import", "-", "--wait", "--json", given='{"external_id": "a", "balance": 5}\n')
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told["state"], told["done"], told["result"]) == ("done", 1, {"added": 1, "opened": 1, "points": 5})
    assert set(told) == {
        "job", "kind", "asked", "asked_by", "state", "total", "done", "refused", "result", "last_error",
        "created_at", "started_at", "finished_at",
    }  # fmt: skip
    shown = json.loads(command("job", "show", told["job"], "--json").stdout)
    assert shown == told == json.loads(command("job", "list", "--json").stdout)


def test_an_export_is_written_by_the_ending_of_its_name(command: Command, file: Path, tmp_path: Path) -> None:
    """CSV unless it says otherwise, and what it says comes in again."""
    command("import", file, "--wait", ends=1)
    for name, option in (("out.csv", ()), ("out.jsonl", ()), ("out.txt", ("--format", "jsonl"))):
        command("export", "-o", tmp_path / name, *option)
        assert "2 members as they were" in command("import", tmp_path / name, "--wait", *option).stdout
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert (first["external_id"], first["balance"], first["tier"]) == ("a", 500, "novel")
    assert (tmp_path / "out.csv").read_text().startswith("external_id,name,")


def test_a_job_is_cancelled(command: Command, shop: Service, file: Path) -> None:
    """Nothing more is done, and it says how far it came."""
    job = asked(command("import", file))
    assert f"{job} is cancelled after 0 rows." in command("job", "cancel", job).output
    assert not shop.jobs().step()
    assert "was cancelled: 0 of 3 rows" in command("job", "show", job).output


def test_a_key_asks_once(command: Command, file: Path) -> None:
    """Typed again under its key it is the same job; with another file the key is refused."""
    first = asked(command("import", file, "--key", "k"))
    again = command("import", file, "--key", "k")
    assert f"{first} was asked for before under the same key" in again.output
    file.write_text(BODY + "d,,,\n")
    assert "already used for another operation" in command("import", file, "--key", "k", ends=1).output


def test_what_cannot_be_done_is_said(command: Command, file: Path, tmp_path: Path) -> None:
    """A head with faults, a file that is too large, a programme that is not open, a job that is not there."""
    file.write_text("external_id,blance,tier\n")
    said = command("import", file, ends=1).output
    assert "head: blance: is no column that is known; did you mean balance?" in said
    assert "Traceback" not in said
    file.write_text("external_id\n" + "a\n" * 600_000)
    assert "has more than 1 MB" in command("import", file, ends=1).output
    file.write_text(BODY)
    assert "is not open yet" in command("import", file, "--template", "stamp_card", ends=1).output
    for words in (("show",), ("cancel",), ("refused",)):
        assert "There is no job job_none" in command("job", *words, "job_none", ends=1).output
    assert command("job", "list").output == "There are no jobs.\n"
    command("import", tmp_path / "nothing.csv", ends=2)


def made(done: int, refused: int = 0) -> Job:
    """Return a job of 1,000 rows that is so far."""
    return Job(
        1, "job_1", 1, None, "import", {}, "me", None, "running", 1_000, done, refused, {}, {}, START, None, 0, None,
        START, START, None,
    )  # fmt: skip


def test_progress_is_told_on_one_line_of_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """With the pace since one has been looking, and how long it will take; and the line is left clean."""
    said = Progress(START, terminal=True)
    for done, seconds in ((100, 0), (100, 5), (300, 10), (900, 20)):
        said.how_far(made(done, refused=3), START + timedelta(seconds=seconds))
    said.end()
    lines = capsys.readouterr().err.split("\r\033[K")
    assert [line.strip() for line in lines[1:]] == [
        "100 of 1,000 rows (10 %), 3 refused",
        "100 of 1,000 rows (10 %), 3 refused",
        "300 of 1,000 rows (30 %), 3 refused, 20 a second, 35 s left",
        "900 of 1,000 rows (90 %), 3 refused, 40 a second, 2 s left",
        "",
    ]


def test_progress_is_told_now_and_then_where_it_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each tenth, whatever is seen between; and none where only the answer is wanted."""
    for quiet in (False, True):
        said = Progress(START, terminal=False, quiet=quiet)
        for done in range(0, 1_001, 50):
            said.how_far(made(done), START + timedelta(hours=done))
        said.end()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[5].strip().startswith("500 of 1,000 rows (50 %), 0 refused")
    assert "min left" in lines[1]
