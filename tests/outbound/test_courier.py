"""Messages are carried to real receivers on this machine, and to none that is not ours to reach."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from receivers import Door, Got, Receiver, answering, receiving
from standardwebhooks import Webhook, WebhookVerificationError

from wallet_service.domain.addresses import LOOPBACK, Reach, networks
from wallet_service.domain.outbound import Answer, Parcel
from wallet_service.outbound.courier import LONGEST_ANSWER, Courier
from wallet_service.outbound.signing import signed
from wallet_service.sandbox.chain import Chain
from wallet_service.wiring import utc_now

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = b'{"type":"points.earned","data":{"points":42}}'
QUICK = 1.0  # seconds of patience in tests of what is slow


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that takes everything."""
    with receiving() as ready:
        yield ready


@pytest.fixture
def courier() -> Iterator[Courier]:
    """A courier that may go to this machine."""
    ready = Courier(reach=Reach(LOOPBACK), timeout=10.0)
    yield ready
    ready.close()


def parcel(url: str, *, number: int = 1, secrets: tuple[str, ...] = (SECRET,)) -> Parcel:
    """Return a message on its way there."""
    return Parcel(f"msg_{number}", url, secrets, BODY)


def send(courier: Courier, url: str) -> Answer:
    """Send a message there now."""
    return courier.send(parcel(url), at=utc_now())


def test_the_specifications_own_vector() -> None:
    """Id, time, body and secret of the specification's example give its signature."""
    at = utc_now().fromtimestamp(1614265330, tz=utc_now().tzinfo)
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', secrets=[SECRET], at=at)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_arrives_as_it_was_signed(courier: Courier, receiver: Receiver) -> None:
    """The reference library verifies what came in; the body is the very bytes, and says that it is JSON."""
    assert send(courier, receiver.url).status == 200
    (got,) = receiver.got
    assert got.verified(SECRET) == {"type": "points.earned", "data": {"points": 42}}
    assert (got.path, got.body, got.id) == ("/in", BODY, "msg_1")
    assert got.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(got.body, got.headers)


def test_two_secrets_sign_while_one_takes_over(courier: Courier, receiver: Receiver) -> None:
    """A receiver that knows either of them verifies the message."""
    courier.send(parcel(receiver.url, secrets=(OTHER, SECRET)), at=utc_now())
    (got,) = receiver.got
    assert got.verified(SECRET) == got.verified(OTHER)
    assert got.headers["webhook-signature"].count("v1,") == 2


def test_connections_are_kept(courier: Courier, receiver: Receiver) -> None:
    """Several messages to one endpoint go over one connection."""
    for _ in range(5):
        assert send(courier, receiver.url).taken
    assert (len(receiver.got), len(receiver.connections)) == (5, 1)


def test_many_threads_share_a_courier(courier: Courier, receiver: Receiver) -> None:
    """Each message arrives once, whoever sends it."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda number: courier.send(parcel(receiver.url, number=number), at=utc_now()), range(80))
        )
    assert all(each.taken for each in answers)
    assert sorted(each.id for each in receiver.got) == sorted(f"msg_{number}" for number in range(80))
    assert len(receiver.connections) <= 8


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
def test_refusals_come_back_as_they_are(courier: Courier, receiver: Receiver, status: int) -> None:
    """The status decides, and its body does not matter."""
    receiver.behave = lambda door, _: door.answer(status, b"no" * 100)
    answer = send(courier, receiver.url)
    assert (answer.status, answer.error, answer.taken) == (status, None, False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(courier: Courier, receiver: Receiver, status: int) -> None:
    """Nobody goes where an endpoint points, least of all to this machine."""
    receiver.behave = lambda door, _: door.answer(status, location=f"http://127.0.0.1:{receiver.port}/inside")
    answer = send(courier, receiver.url)
    assert (answer.status, answer.taken) == (status, False)
    assert (len(receiver.got), receiver.strayed) == (1, [])


def test_how_long_to_wait_is_read(courier: Courier, receiver: Receiver) -> None:
    """In seconds or until a date; what says neither counts for nothing."""
    later = format_datetime((utc_now() + timedelta(seconds=600)).replace(microsecond=0), usegmt=True)
    asked = []
    for text in ("120", later, "soon", "-5", "9" * 40, "Wed, 21 Oct 2015 07:28:00 GMT"):
        receiver.behave = answering(503, retry_after=text)
        asked.append(send(courier, receiver.url).retry_after)
    assert asked[0] == timedelta(seconds=120)
    assert asked[1] is not None
    assert timedelta(seconds=500) < asked[1] <= timedelta(seconds=600)
    assert asked[2:] == [None, None, None, timedelta(0)]


def drip(door: Door, _: Got, *, piece: bytes, head: bytes = b"") -> None:
    """Answer with a little at a time, until nobody listens any more."""
    door.wfile.write(head)
    for _ in range(10_000):
        door.wfile.write(piece)
        door.wfile.flush()
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        (lambda *_: time.sleep(3 * QUICK), Answer(error="timeout")),
        (lambda door, got: drip(door, got, head=b"HTTP/1.1 200 OK\r\n", piece=b"x: y\r\n"), Answer(200)),
        (lambda door, got: drip(door, got, piece=b"HTTP/1.1 100 Continue\r\n\r\n"), Answer(error="timeout")),
        (
            lambda door, got: drip(door, got, head=b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", piece=b"x"),
            Answer(200),
        ),
        (
            lambda door, got: drip(door, got, head=b"HTTP/1.1 500 no\r\ncontent-length: 9999\r\n\r\n", piece=b"x"),
            Answer(500),
        ),
    ],
    ids=["silent", "dripping headers", "going on for ever", "dripping body", "dripping refusal"],
)
def test_slow_answers_are_given_up(behave: Callable[[Door, Got], None], expected: Answer) -> None:
    """The whole request has so many seconds, however busily an endpoint drips; a status that came is the answer."""
    courier = Courier(reach=Reach(LOOPBACK), timeout=QUICK)
    with receiving(behave) as receiver:
        answer = send(courier, receiver.url)
    assert (answer.status, answer.error) == (expected.status, expected.error)
    assert QUICK * 1000 * 0.9 <= answer.ms < 10_000
    courier.close()


def test_huge_answers_are_cut_off(courier: Courier, receiver: Receiver) -> None:
    """Of an endless body no more is read than a little, and the connection is dropped."""
    written = []

    def flood(door: Door, _: Got) -> None:
        door.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n")
        for _ in range(10_000):
            door.wfile.write(b"x" * 65536)
            written.append(65536)

    receiver.behave = flood
    assert send(courier, receiver.url).status == 200
    assert sum(written) < 100 * LONGEST_ANSWER


def test_endless_headers_are_cut_off(courier: Courier, receiver: Receiver) -> None:
    """Headers are no way around it."""

    def flood(door: Door, _: Got) -> None:
        door.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100_000):
            door.wfile.write(b"x: " + b"y" * 1000 + b"\r\n")

    receiver.behave = flood
    answer = send(courier, receiver.url)
    assert answer.status == 200
    assert answer.ms < 10_000


def test_a_packed_answer_is_not_unpacked(courier: Courier, receiver: Receiver) -> None:
    """What says that it is compressed is not looked into, so that nothing small becomes huge."""
    receiver.behave = lambda door, _: door.answer(200, b"\x1f\x8bnonsense", content_encoding="gzip")
    assert send(courier, receiver.url).status == 200
    assert "accept-encoding" not in receiver.got[0].headers


def hang_up(door: Door, _: Got) -> None:
    """Close the connection without an answer."""
    door.connection.shutdown(socket.SHUT_RDWR)
    door.close_connection = True


def test_broken_connections_have_their_words(courier: Courier, receiver: Receiver) -> None:
    """Nobody there, one who hangs up, and one who speaks another language; a success before them changes nothing."""
    assert send(courier, receiver.url).status == 200
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = send(courier, f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert nobody.error == "no_connection"
    receiver.behave = hang_up
    assert send(courier, receiver.url).error == "interrupted"
    receiver.behave = lambda door, _: door.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n") and hang_up(door, _)
    assert send(courier, receiver.url).error == "interrupted"


class TestTls:
    """An endpoint is who its certificate says it is, or it gets nothing."""

    @pytest.fixture
    def tls(self, chain: Chain, tmp_path: Path) -> tuple[Path, Path]:
        """Files of a certificate for localhost, and of its key."""
        chain.write(tmp_path)
        return tmp_path / "push_server_certificate.pem", tmp_path / "push_server_key.pem"

    def test_a_trusted_one_is_told(self, tls: tuple[Path, Path]) -> None:
        """With the authority that issued it, the message arrives; its name counts, and not its address."""
        courier = Courier(reach=Reach(LOOPBACK), timeout=10.0, ca_file=tls[0].with_name("push_root.pem"))
        with receiving(tls=tls) as receiver:
            assert send(courier, receiver.url).status == 200
            assert receiver.got[0].verified(SECRET)
        courier.close()

    def test_an_untrusted_one_is_not(self, courier: Courier, tls: tuple[Path, Path]) -> None:
        """A certificate that nobody vouches for ends it before a byte of the message is sent."""
        with receiving(tls=tls) as receiver:
            assert send(courier, receiver.url).error == "tls"
            assert receiver.got == []

    def test_another_name_is_not(self, tls: tuple[Path, Path]) -> None:
        """A good certificate of somebody else's is none."""
        ours = {"shop.example": ["127.0.0.1"]}
        courier = Courier(
            reach=Reach(LOOPBACK),
            timeout=10.0,
            ca_file=tls[0].with_name("push_root.pem"),
            resolve=lambda host, _: ours[host],
        )
        with receiving(tls=tls) as receiver:
            assert send(courier, f"https://shop.example:{receiver.port}/").error == "tls"
            assert receiver.got == []
        courier.close()

    def test_one_that_speaks_in_clear_is_not(self, courier: Courier, receiver: Receiver) -> None:
        """Where TLS is asked for, nothing else will do."""
        assert send(courier, receiver.url.replace("http:", "https:")).error == "tls"
        assert receiver.got == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f000001"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_this_machine_is_not_reached_unless_allowed(receiver: Receiver, scheme: str, host: str) -> None:
    """However it is written, nothing connects to it."""
    courier = Courier(reach=Reach(), timeout=10.0)
    answer = send(courier, f"{scheme}://{host}:{receiver.port}/")
    assert answer.error in ("private_address", "no_address")
    assert receiver.connections == []
    courier.close()


def test_one_private_address_among_public_ones_spoils_them_all(receiver: Receiver) -> None:
    """A name that leads to several places, one of them private, is not used at all."""
    courier = Courier(reach=Reach(), timeout=10.0, resolve=lambda *_: ["8.8.8.8", "127.0.0.1"])
    assert send(courier, f"https://shop.example:{receiver.port}/").error == "private_address"
    assert receiver.connections == []
    courier.close()


def test_answers_of_dns_that_change_lead_nowhere_else(receiver: Receiver) -> None:
    """Each message goes to an address that was judged for it: a name that turns private is refused from then on.

    And a name is looked up once a message, so that there is no second answer to be had.
    """
    answers = iter((["127.0.0.2"], ["10.9.8.7"], ["127.0.0.1"]))
    asked = []

    def resolve(host: str, _: int) -> list[str]:
        asked.append(host)
        return next(answers)

    courier = Courier(reach=Reach(networks("127.0.0.1/32")), timeout=10.0, resolve=resolve)
    url = f"http://shop.example:{receiver.port}/"
    assert [send(courier, url).error for _ in range(2)] == ["private_address"] * 2
    assert receiver.connections == []
    assert send(courier, url).status == 200
    assert asked == ["shop.example"] * 3
    assert receiver.got[0].headers["host"] == f"shop.example:{receiver.port}"
    courier.close()


def test_a_socket_is_judged_by_where_it_leads(receiver: Receiver) -> None:
    """Where libcurl would go elsewhere than was judged, as by a name that is an address, the socket is refused."""
    courier = Courier(reach=Reach(networks("10.0.0.0/8")), timeout=10.0, resolve=lambda *_: ["10.0.0.1"])
    for host in ("127.1", "2130706433", "0x7f000001", "017700000001"):
        assert send(courier, f"http://{host}:{receiver.port}/").error == "private_address"
    assert receiver.connections == []
    courier.close()


def test_a_name_that_nobody_knows(courier: Courier) -> None:
    """No address is a failure like another one, to be tried again."""

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    none = Courier(reach=Reach(), timeout=10.0, resolve=unknown)
    assert send(none, "https://nowhere.example/").error == "no_address"
    none.close()
    assert send(courier, "https://nowhere.invalid/").error == "no_address"


def test_a_look_up_that_takes_too_long_sends_nothing(receiver: Receiver) -> None:
    """Time is counted from the look-up on, so that nothing is sent late, when somebody else may be at it."""
    woken = threading.Event()

    def slow(host: str, port: int) -> list[str]:
        woken.wait(0.2)
        return ["127.0.0.1"]

    courier = Courier(reach=Reach(LOOPBACK), timeout=0.1, resolve=slow)
    assert send(courier, f"http://shop.example:{receiver.port}/").error == "timeout"
    assert receiver.connections == []
    courier.close()


def test_a_proxy_of_the_environment_is_not_used(
    courier: Courier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would look names up by itself, and connect wherever they lead."""
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert send(courier, receiver.url).status == 200
    assert (len(receiver.got), proxy.connections) == (1, [])
