"""The client for merchants' programs, against a real server: what is lost on the way is sent again and done once."""

import io
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from actors import Clock
from api_actors import World
from bulk_actors import work_off
from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from wallet_service.cli import main
from wallet_service.client import MOST, ApiRefused, Client
from wallet_service.web.api import PREFIX, samples
from wallet_service.wiring import utc_now

Then = Callable[[dict[str, Any], Any, Any], Any]


@dataclass
class Line:
    """The way to a server on this machine, on which each of the next answers may meet with a fault."""

    app: Any
    faults: list[Then] = field(default_factory=list)
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        """Answer a request, by the next fault if there is one."""
        self.seen.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_IDEMPOTENCY_KEY", "")))
        return self.faults.pop(0)(environ, start, self.app) if self.faults else self.app(environ, start)


def cut(environ: dict[str, Any], start: Any, app: Any) -> Any:
    """Do what is asked for, and lose the answer."""
    list(app(environ, lambda *_: None))
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return []


def busy(status: str, *, after: str | None) -> Then:
    """Return a fault: a proxy's own answer, which is no problem document."""
    headers = [("Content-Type", "text/plain"), *([("Retry-After", after)] if after else [])]

    def answer(environ: dict[str, Any], start: Any, app: Any) -> Any:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start(status, headers)
        return [b"busy"]

    return answer


def elsewhere(environ: dict[str, Any], start: Any, app: Any) -> Any:
    """Send the client elsewhere."""
    start("302 FOUND", [("Location", "/elsewhere")])
    return [b""]


@pytest.fixture
def line(world: World) -> Iterator[Line]:
    """The way to the service."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    line = Line(world.client.application)
    server = make_server("127.0.0.1", 0, line, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    line.url = f"http://127.0.0.1:{server.server_port}{PREFIX}"  # type: ignore[attr-defined]
    yield line
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses() -> list[float]:
    """For how long the client has waited."""
    return []


@pytest.fixture
def remote(world: World, line: Line, pauses: list[float]) -> Iterator[Client]:
    """A client of the merchant's, which does not really wait."""
    made = Client(line.url, world.mine.key(), sleep=pauses.append)  # type: ignore[attr-defined]
    yield made
    made.session.close()


def test_an_answer_that_was_lost_is_asked_for_again(world: World, line: Line, remote: Client) -> None:
    """A hold whose answer was cut off is one hold; both tries had one key."""
    member = world.names("")[samples.MEMBER]
    line.faults = [cut]
    hold = remote.hold(member, 200)
    assert (hold["points"], hold["held"]) == (200, 200)
    assert remote.member(member)["balance"]["held"] == 200
    holds = [key for method, path, key in line.seen if path.endswith("/holds")]
    assert len(holds) == 2
    assert len(set(holds)) == 1
    assert remote.capture(hold["id"], 150)["captured"] == 150
    assert remote.void(remote.hold(member, 10)["id"])["status"] == "voided"


def test_a_busy_service_is_waited_for(line: Line, remote: Client, pauses: list[float]) -> None:
    """As long as it asks for, or longer each time; other refusals are not tried again."""
    line.faults = [busy("429 TOO MANY", after="7"), busy("503 AWAY", after=None)]
    assert [each["code"] for each in remote.programs()] == [samples.PROGRAM]
    assert 7 <= pauses[0] < 9
    assert pauses[1] >= 7
    with pytest.raises(ApiRefused) as refused:
        remote.member("mem_" + "0" * 20)
    assert (refused.value.status, refused.value.type) == (404, "member-not-found")
    assert len(pauses) == 2


def test_it_gives_up_after_some_tries(line: Line, remote: Client, pauses: list[float]) -> None:
    """With what was answered last, or that nobody answered."""
    line.faults = [busy("503 AWAY", after="1")] * remote.tries
    with pytest.raises(ApiRefused) as refused:
        remote.programs()
    assert (refused.value.status, refused.value.type) == (503, "no-problem-document")
    line.faults = [cut] * remote.tries
    with pytest.raises(ApiRefused) as unheard:
        remote.programs()
    assert (unheard.value.status, unheard.value.type) == (0, "unreachable")
    assert len(pauses) == 2 * (remote.tries - 1)


def test_a_refusal_says_what_is_wrong(world: World, remote: Client) -> None:
    """Type, status and the fields that are wrong; a member who has not enough is told what is there."""
    with pytest.raises(ApiRefused) as refused:
        remote.call("POST", "/holds", {"points": 0})
    assert [each["field"] for each in refused.value.errors] == ["member", "points"]
    with pytest.raises(ApiRefused) as short:
        remote.hold(world.names("")[samples.MEMBER], 2_000)
    assert (short.value.type, short.value.said["available"]) == ("insufficient-balance", 1_250)
    assert remote.key not in repr(remote)


def test_the_key_goes_nowhere_else(line: Line, remote: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirect is not followed, and what stands in a .netrc does not take the place of the key."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert remote.programs()
    line.faults = [elsewhere]
    with pytest.raises(ApiRefused) as refused:
        remote.programs()
    assert refused.value.status == 302
    assert not [path for _, path, _ in line.seen if path == "/elsewhere"]


def test_lists_are_read_to_their_end(world: World, remote: Client, line: Line) -> None:
    """However many pages there are."""
    for number in range(3):
        world.mine.deliver("orders/paid", f"hook-{number}")
    assert len(list(remote.inbound(status="unmatched"))) == 3
    assert [each["external_id"] for each in remote.members()] == ["somebody-else"]
    assert MOST > 3
    pages = remote.call("GET", "/inbound", query={"limit": 2})
    rest = remote.call("GET", "/inbound", query={"limit": 2, "cursor": pages["next"]})
    assert len(pages["data"] + rest["data"]) == 3


def test_files_go_in_and_out(world: World, line: Line, remote: Client) -> None:
    """A file whose answer was lost is read anew, and brought once; what was refused and all members come back."""
    file = io.BytesIO(b"external_id,name,balance\na,Ann Example,500\nb,Bob Example,x\n")
    line.faults = [cut]
    asked = remote.bring(file, key="members of June")
    work_off(world.service.jobs())
    assert [each["id"] for each in remote.jobs()] == [asked["id"]]
    job = remote.job(asked["id"])
    assert (job["state"], job["refused"], job["result"]["points"]) == ("done", 1, 500)
    assert b"Bob Example" in b"".join(remote.file(job["id"], "refused"))
    export = remote.export()
    work_off(world.service.jobs())
    assert b"Ann Example" in b"".join(remote.file(export["id"]))
    with pytest.raises(ApiRefused) as refused:
        list(remote.file(job["id"]))
    assert refused.value.type == "file-not-found"
    assert remote.endpoints() == []


def test_a_mailer_gets_its_links(world: World, remote: Client, line: Line) -> None:
    """A link, a short one, and files of them, also where the line was cut; they are counted once, and end."""
    remote.call("POST", "/campaigns", {"program": samples.PROGRAM, "code": "spring", "channel": "email"})
    assert [each["code"] for each in remote.campaigns()] == ["spring"]
    member = world.names("")[samples.MEMBER]
    made = remote.link("spring", member_id=member, until="2027-05-31", limit=3)
    assert (made["member_id"], made["until"], made["limit"]) == (member, "2027-05-31", 3)
    assert remote.link("spring", prospect={"name": "Ann"}, channel="sms")["channel"] == "sms"
    short = remote.short_link("spring", content="window")
    remote.revoke_link(short["code"])
    members = b"".join(remote.links("spring"))
    assert member in members.decode()
    line.faults = [cut]
    file = io.BytesIO(b"email,name\nann@home.example,Ann\n")
    rows = b"".join(remote.links("spring", file, channel="sms")).decode().splitlines()
    assert (rows[0], rows[1].split(",")[0]) == ("email,name,link", "ann@home.example")
    counted = {each["key"]: each["sent"] for each in remote.funnel("channel", campaign="spring")}
    assert counted == {"email": 1 + len(members.splitlines()) - 1, "sms": 2}


@pytest.fixture
def command(world: World, line: Line) -> Callable[..., Result]:
    """Type a command at a till."""
    settings = {"WALLET_API_URL": line.url, "WALLET_API_KEY": world.mine.key()}  # type: ignore[attr-defined]

    def typed(*words: str, ends: int = 0, said: str = "") -> Result:
        done = CliRunner().invoke(main, list(words), env=settings, input=said)
        assert done.exit_code == ends, done.output
        return done

    return typed


def test_a_till_takes_an_order(world: World, remote: Client, command: Callable[..., Result], clock: Clock) -> None:
    """Card, quote, hold, capture, order; typed again it is done once, also where the line was cut in between."""
    names = world.names(samples.CARD_CODE)
    words = ("till", names[samples.CARD_CODE], "--order", "till-1-0042", "--minor", "4200", "--points", "500", "--yes")
    clock.now = utc_now()  # a till has no other clock
    first = command(*words)
    assert "1,250 points" in first.output
    assert "500 points are spent." in first.output
    after = remote.member(names[samples.MEMBER])["balance"]
    again = command(*words)
    assert [each for each in again.output.splitlines() if " points are " in each] == [
        each for each in first.output.splitlines() if " points are " in each
    ]
    assert remote.member(names[samples.MEMBER])["balance"] == after
    assert (after["held"], after["available"] > 1_250 - 500) == (0, True)


def test_an_order_that_is_not_paid_costs_nothing(world: World, remote: Client, command: Callable[..., Result]) -> None:
    """Points that were held are given back, and no order is told of."""
    names = world.names(samples.CARD_CODE)
    words = ("till", names[samples.CARD_CODE], "--order", "o-1", "--minor", "4200", "--points", "500")
    assert "500 points are given back." in command(*words, said="n\n", ends=1).output
    balance = remote.member(names[samples.MEMBER])["balance"]
    assert (balance["available"], balance["held"]) == (1_250, 0)
    assert "member-not-found" in command("till", "0" * 16, "--order", "o-2", "--minor", "1", ends=1).output


def test_any_request_can_be_typed(world: World, command: Callable[..., Result]) -> None:
    """Answers are printed as JSON; what is no JSON is refused before anything is sent."""
    member = world.names("")[samples.MEMBER]
    assert member in command("api", "get", f"/members/{member}").output
    body = f'{{"member": {{"id": "{member}"}}, "points": 5}}'
    words = ("api", "POST", "/holds", "-d", body, "--idempotency-key", "k")
    # The server of these tests logs to where the command prints.
    outputs = [command(*words).output for _ in range(2)]
    first, again = (json.loads(each[each.index("{\n") : each.rindex("}") + 1]) for each in outputs)
    assert first["held"] == 5
    assert first == again
    assert "is no JSON" in command("api", "POST", "/holds", "-d", "{", ends=2).output
    assert "--key" in CliRunner().invoke(main, ["api", "GET", "/programs", "--url", "http://x"]).output
