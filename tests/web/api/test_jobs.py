"""Members brought in and given out by the API: once for a key, followed, cancelled, with what was refused."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from api_actors import Program, World
from bulk_actors import work_off
from sqlalchemy import Engine, text

from wallet_service.web import LARGEST_BODY
from wallet_service.web.api import samples

BODY = "external_id,name,balance,tier\na,Ann Example,500,\nb,Bob Example,x,\n"
CSV = "text/csv"
NDJSON = "application/x-ndjson"


@pytest.fixture
def program(world: World) -> Program:
    """A program with every scope."""
    return world.mine.program()


def problem(answer: Any) -> tuple[int, str]:
    """Return the status and the type of a problem document."""
    assert answer.mimetype == "application/problem+json"
    return answer.status_code, answer.get_json()["type"].removeprefix("urn:wallet-service:problem:")


def bring(program: Program, body: str | bytes = BODY, mimetype: str = CSV, **more: Any) -> Any:
    """Send a file of members."""
    path = f"/imports{more.pop('query', '')}"
    return program.send("POST", path, data=body, content_type=mimetype, **more)


def job_of(world: World, program: Program, answer: Any) -> dict[str, Any]:
    """Return the job that was asked for, once workers have done it."""
    assert answer.status_code == 202, answer.get_json()
    work_off(world.service.jobs())
    job: dict[str, Any] = program.send("GET", f"/jobs/{answer.get_json()['id']}").get_json()
    return job


def rows_of(answer: Any) -> list[dict[str, str]]:
    """Return the rows of a file of CSV."""
    assert (answer.status_code, answer.mimetype) == (200, CSV)
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_file_becomes_members(world: World, program: Program) -> None:
    """What can be entered is, with its balance; what cannot is told with its number and reason, in either form."""
    asked = bring(program)
    assert asked.get_json()["rows"] == 2
    job = job_of(world, program, asked)
    assert (job["state"], job["done"], job["refused"], job["result"]["points"]) == ("done", 2, 1, 500)
    (ann,) = program.send("GET", "/members?external_id=a").get_json()["data"]
    assert (ann["name"], ann["balance"]["available"]) == ("Ann Example", 500)
    refused = program.send("GET", f"/jobs/{job['id']}/refused")
    (row,) = rows_of(refused)
    assert (row["row"], row["external_id"]) == ("3", "b")
    assert refused.headers["Content-Disposition"] == "attachment; filename=refused.csv"
    lines = program.send("GET", f"/jobs/{job['id']}/refused", headers={"Accept": f"{NDJSON}, {CSV};q=0.5"})
    assert (lines.mimetype, json.loads(lines.text)["reason"]) == (NDJSON, row["reason"])


def test_json_lines_are_taken_as_such(world: World, program: Program) -> None:
    """The type of the body says how the file is written, whatever it looks like."""
    assert job_of(world, program, bring(program, '{"external_id": "a"}\n', NDJSON))["result"]["added"] == 1
    assert problem(bring(program, '{"external_id": "a"}\n', CSV)) == (422, "file-refused")


def test_a_dry_run_enters_nobody(world: World, program: Program) -> None:
    """It says what would come of the file."""
    job = job_of(world, program, bring(program, query="?dry_run=true"))
    assert (job["dry_run"], job["result"]["added"], job["refused"]) == (True, 1, 1)
    assert program.send("GET", "/members?external_id=a").get_json()["data"] == []


def test_the_same_file_under_the_same_key_is_one_job(program: Program, engine: Engine) -> None:
    """A repeat is answered the same and leaves no second file; another file under the key is a conflict."""
    answers = [bring(program, key="k1") for _ in range(2)]
    assert (answers[0].data, answers[1].headers["Idempotent-Replayed"]) == (answers[1].data, "true")
    for more in ({"body": BODY + "c,,,\n"}, {"query": "?dry_run=true"}):
        assert problem(bring(program, key="k1", **more)) == (409, "idempotency-conflict")
    with engine.connect() as tx:
        counts = tx.execute(text("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM job_files)")).one()
    assert tuple(counts) == (1, 1)


def test_what_is_no_file_is_refused_and_leaves_nothing(program: Program, contents: Any) -> None:
    """Each refusal has its own type, and of the file nothing is kept."""
    before = contents()
    for body, mimetype, expected in (
        ("", CSV, (422, "file-refused")),
        ("name\nAnn\n", CSV, (422, "file-refused")),
        ("external_id,colour\na,red\n", CSV, (422, "file-refused")),
        (BODY.encode("utf-16"), CSV, (422, "file-refused")),
        (BODY, "application/json", (415, "unsupported-media-type")),
        (BODY, "", (415, "unsupported-media-type")),
    ):
        assert problem(bring(program, body, mimetype)) == expected, body
    assert problem(bring(program, query="?program=nowhere")) == (404, "unknown-program")
    changed = {name for name, each in contents().items() if each != before[name]}
    assert changed <= {"rates", "api_keys", "api_operations"}


def test_a_file_may_be_larger_than_other_bodies_and_not_larger_than_is_set(world: World, program: Program) -> None:
    """What counts is the setting for files, whether the length is said before or found out."""
    row = f"{'x' * 99},{'y' * 99}\n"
    body = "external_id,name\n" + row * (LARGEST_BODY // len(row) + 1000)
    assert bring(program, body).status_code == 202
    most = world.service.settings.import_megabytes * 2**20
    said = program.send("POST", "/imports", content_type=CSV, environ_overrides={"CONTENT_LENGTH": str(most + 1)})
    assert problem(said) == (413, "file-too-large")


def test_a_sender_who_gives_up_leaves_nothing(program: Program, engine: Engine) -> None:
    """A body that ends before its length is no file."""
    broken = bring(program, BODY, environ_overrides={"CONTENT_LENGTH": "100000"})
    assert problem(broken) == (400, "bad-request")
    with engine.connect() as tx:
        assert tx.execute(text("SELECT count(*) FROM job_files")).scalar_one() == 0


def test_all_members_are_given_out(world: World, program: Program) -> None:
    """An export is written by workers and fetched in either form; before that there is no file."""
    names = world.names("")
    asked = program.send("POST", "/exports", json={})
    job = asked.get_json()["id"]
    assert problem(program.send("GET", f"/jobs/{job}/file")) == (404, "file-not-found")
    done = job_of(world, program, asked)
    assert (done["kind"], done["state"], done["result"], done["has_file"]) == ("export", "done", {"written": 2}, True)
    answer = program.send("GET", f"/jobs/{job}/file")
    rows = {row["external_id"]: row for row in rows_of(answer)}
    member = rows[names[samples.EXTERNAL]]
    assert (member["member_id"], member["balance"]) == (names[samples.MEMBER], "1250")
    lines = program.send("GET", f"/jobs/{job}/file", headers={"Accept": NDJSON}).text.splitlines()
    assert [json.loads(line)["external_id"] for line in lines] == list(rows)
    again = job_of(world, program, bring(program, answer.data))
    assert (again["refused"], again["result"]) == (0, {"same": 2})


def test_a_file_in_several_parts_is_whole(world: World, program: Program) -> None:
    """Pieces follow one another without a gap, and a member who joins meanwhile is in it."""
    for number in range(4):
        world.mine.shop.enrol(f"one-{number}")
    job = program.send("POST", "/exports", json={}).get_json()["id"]
    jobs = world.service.jobs()
    small = type(jobs)(jobs.begin, jobs.clock, {"export": _small(jobs.kinds["export"])}, jobs.lease)
    assert small.step()
    world.mine.shop.enrol("late")
    work_off(small)
    rows = rows_of(program.send("GET", f"/jobs/{job}/file"))
    assert [row["external_id"] for row in rows] == ["somebody-else", *(f"one-{each}" for each in range(4)), "late"]


def _small(piece: Any) -> Any:
    export = piece.__self__
    return type(export)(
        export.begin, export.read, export.in_force, export.clock, export.vault, export.link, most=2
    ).piece


@pytest.mark.parametrize("finished", [True, False])
def test_nobody_who_was_erased_stands_in_a_file(world: World, program: Program, finished: bool) -> None:
    """Whoever is erased takes the files of exports along, whether these are done or not."""
    names = world.names("")
    job = program.send("POST", "/exports", json={}).get_json()["id"]
    if finished:
        work_off(world.service.jobs())
    assert program.send("DELETE", f"/members/{names[samples.MEMBER]}").status_code == 200
    work_off(world.service.jobs())
    shown = program.send("GET", f"/jobs/{job}").get_json()
    assert (shown["state"], shown["has_file"]) == ("done" if finished else "failed", False)
    assert finished or "erased" in shown["last_error"]
    assert problem(program.send("GET", f"/jobs/{job}/file")) == (404, "file-not-found")
    with world.service.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM job_file_parts")).scalar_one() == 0


def test_an_import_has_no_file_to_fetch(world: World, program: Program) -> None:
    """Only exports make one."""
    job = bring(program).get_json()["id"]
    assert problem(program.send("GET", f"/jobs/{job}/file")) == (404, "file-not-found")


def test_jobs_are_listed_newest_first(world: World, program: Program) -> None:
    """Pages follow one another, of all programmes or of one; another programme's code is unknown."""
    made = [bring(program, key=str(number)).get_json()["id"] for number in range(3)]
    world.other.program().send("POST", "/exports", json={})
    first = program.send("GET", f"/jobs?limit=2&program={samples.PROGRAM}").get_json()
    rest = program.send("GET", f"/jobs?limit=2&cursor={first['next']}").get_json()
    assert [each["id"] for each in first["data"] + rest["data"]] == made[::-1]
    assert rest["next"] is None
    assert problem(program.send("GET", "/jobs?program=dillybasket")) == (404, "unknown-program")


def test_a_job_is_cancelled_once(world: World, program: Program) -> None:
    """A repeat is answered the same; a job that is over cannot be cancelled."""
    job = bring(program).get_json()["id"]
    answers = [program.send("POST", f"/jobs/{job}/cancel", key="k1") for _ in range(2)]
    assert [each.get_json() for each in answers] == [{"id": job, "done": 0, "refused": 0}] * 2
    assert program.send("GET", f"/jobs/{job}").get_json()["state"] == "cancelled"
    assert problem(program.send("POST", f"/jobs/{job}/cancel")) == (409, "job-over")
    assert job_of(world, program, bring(program, BODY + "c,,,\n"))["state"] == "done"


def test_files_are_offered_in_two_forms(program: Program) -> None:
    """Whoever takes neither gets 406; whoever takes anything gets CSV."""
    job = bring(program).get_json()["id"]
    for accept, status, mimetype in _accepted():
        answer = program.send("GET", f"/jobs/{job}/refused", headers={"Accept": accept})
        assert (answer.status_code, answer.mimetype) == (status, mimetype), accept


def _accepted() -> Iterator[tuple[str, int, str]]:
    yield "*/*", 200, CSV
    yield "text/*", 200, CSV
    yield NDJSON, 200, NDJSON
    yield "application/json", 406, "application/problem+json"
