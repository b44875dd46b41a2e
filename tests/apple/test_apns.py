"""Pushing to Apple, over real HTTP/2 and TLS, to a service that refuses what Apple's does."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from wallet_service.apple.apns import Apns
from wallet_service.apple.apns_stream import apns_id
from wallet_service.domain.errors import SettingsRefused
from wallet_service.domain.push import Gone, Later, Outcome, Push, Sent, Stop
from wallet_service.sandbox.apns import Behaviour, SandboxApns
from wallet_service.sandbox.chain import Chain, make_chain

TOPIC = "pass.sandbox.wallet-service.loyalty"
STALL = Behaviour(action="stall")


@pytest.fixture(scope="module")
def chain() -> Chain:
    """The certificates of client and service."""
    return make_chain(datetime.now(UTC))


@pytest.fixture(scope="module")
def foreign() -> Chain:
    """Certificates of somebody else."""
    return make_chain(datetime.now(UTC))


@pytest.fixture(scope="module")
def ca_file(chain: Chain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root that signs the service."""
    path = tmp_path_factory.mktemp("ca") / "push_root.pem"
    path.write_bytes(chain.push_root)
    return path


@pytest.fixture
def service(chain: Chain) -> Iterator[SandboxApns]:
    """A running push service."""
    with open_service(chain) as running:
        yield running


@pytest.fixture
def client(chain: Chain, ca_file: Path, service: SandboxApns) -> Iterator[Apns]:
    """A client of that service."""
    with closing(new_client(chain, ca_file, service.url)) as apns:
        yield apns


def open_service(chain: Chain, **settings: Any) -> SandboxApns:
    """A push service, not yet started."""
    return SandboxApns(
        certificate=chain.push_server_certificate,
        key=chain.push_server_key,
        client_authorities=chain.wwdr + chain.root,
        **settings,
    )


def new_client(chain: Chain, ca_file: Path, url: str, *, timeout: float = 5.0, window: int = 1000) -> Apns:
    """A client with the pass certificate of the chain."""
    return Apns(
        url=url,
        certificate_pem=chain.pass_certificate,
        key_pem=chain.pass_key,
        ca_file=ca_file,
        timeout=timeout,
        window=window,
    )


def pushes(number: int, *, topic: str = TOPIC, revision: int = 1) -> list[Push]:
    """Pushes to as many different wallets."""
    return [Push(wallet_id=n, target=f"{n:064x}", topic=topic, revision=revision) for n in range(1, number + 1)]


def outcomes(apns: Apns, batch: list[Push]) -> list[Outcome]:
    """Send the batch, see that each push of it has come back once, return the outcomes."""
    results = list(apns.send(batch))
    assert sorted(push.wallet_id for push, _ in results) == sorted(push.wallet_id for push in batch)
    return [end for _, end in results]


def only(apns: Apns, push: Push) -> Outcome:
    """The outcome of a single push."""
    (end,) = outcomes(apns, [push])
    return end


def test_every_push_of_a_batch_arrives_once(client: Apns, service: SandboxApns) -> None:
    """Each push of a batch is sent, and the service has seen each one once."""
    assert outcomes(client, pushes(300)) == [Sent()] * 300
    assert service.counts.accepted == service.counts.distinct_ids == 300
    assert {service.pushes_to(push.target) for push in pushes(300)} == {1}


def test_a_push_carries_token_id_and_topic(chain: Chain, ca_file: Path) -> None:
    """The service receives the token, the id that wallet and revision make, and the topic."""
    seen: list[tuple[str, str, str]] = []
    with (
        SandboxApns(
            certificate=chain.push_server_certificate,
            key=chain.push_server_key,
            client_authorities=chain.wwdr + chain.root,
            on_push=lambda *push: seen.append(push),
        ) as service,
        closing(new_client(chain, ca_file, service.url)) as apns,
    ):
        (push,) = pushes(1)
        assert only(apns, push) == Sent()
    assert seen == [(push.target, str(apns_id(push)), TOPIC)]


def test_a_repeat_is_recognisable(client: Apns, service: SandboxApns) -> None:
    """The same wallet and revision give the same id again, another revision another one."""
    for revision in (1, 1, 2):
        assert outcomes(client, pushes(1, revision=revision)) == [Sent()]
    assert (service.counts.accepted, service.counts.distinct_ids) == (3, 2)


def test_the_connection_is_kept_between_calls(client: Apns, service: SandboxApns) -> None:
    """Three calls use one connection."""
    for revision in (1, 2, 3):
        outcomes(client, pushes(50, revision=revision))
    assert service.counts.connections == 1


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "BadDeviceToken", Gone),
        (400, "DeviceTokenNotForTopic", Gone),
        (400, "PayloadEmpty", Stop),
        (403, "BadCertificate", Stop),
        (403, "Forbidden", Stop),
        (410, "ExpiredToken", Gone),
        (429, "TooManyRequests", Later),
        (500, "InternalServerError", Later),
        (503, "ServiceUnavailable", Later),
        (503, "Shutdown", Later),
    ],
)
def test_refusals_end_as_their_reason_says(
    client: Apns, service: SandboxApns, status: int, reason: str, kind: type[Outcome]
) -> None:
    """What the service answers over the wire becomes the outcome that its reason stands for."""
    service.behave(Behaviour(status, reason))
    end = only(client, pushes(1)[0])
    assert isinstance(end, kind)
    assert not isinstance(end, Sent)
    assert reason in end.reason


def test_a_removed_pass_says_since_when(client: Apns, service: SandboxApns) -> None:
    """The push to a removed pass is gone since the moment that the service names."""
    removed_at = datetime(2026, 3, 1, 12, 30, 15, 250000, UTC)
    (push,) = pushes(1)
    service.retire(push.target, removed_at)
    assert only(client, push) == Gone("410 Unregistered", removed_at)


def test_one_bad_token_does_not_touch_the_others(client: Apns, service: SandboxApns) -> None:
    """Each push of a mixed batch has its own outcome."""
    batch = pushes(40)
    service.behave(Behaviour(503, "Shutdown", tokens=frozenset(push.target for push in batch[:10])))
    service.retire(batch[20].target, datetime(2026, 3, 1, tzinfo=UTC))
    results = dict(client.send(batch))
    assert [type(results[push]) for push in batch] == [Later] * 10 + [Sent] * 10 + [Gone] + [Sent] * 19


def test_an_empty_data_frame_is_no_trouble(client: Apns, service: SandboxApns) -> None:
    """A 200 that ends with an empty DATA frame is sent."""
    service.behave(Behaviour(empty_data_frame=True))
    assert outcomes(client, pushes(20)) == [Sent()] * 20


def test_goaway_loses_nothing(client: Apns, service: SandboxApns) -> None:
    """When the service says GOAWAY after each 120 requests, all 500 pushes are sent all the same."""
    service.behave(Behaviour(goaway_after=120))
    assert outcomes(client, pushes(500)) == [Sent()] * 500
    assert service.counts.distinct_ids == 500
    assert service.counts.connections > 1


@pytest.mark.parametrize("action", ["hang_up", "reset"])
def test_broken_streams_and_connections_lose_nothing(client: Apns, service: SandboxApns, action: str) -> None:
    """Pushes whose stream is reset, or whose connection breaks, are sent by another try."""
    assert outcomes(client, pushes(5)) == [Sent()] * 5
    service.behave(Behaviour(action="reset" if action == "reset" else "hang_up", times=2))
    assert outcomes(client, pushes(200, revision=2)) == [Sent()] * 200
    assert service.counts.distinct_ids == 205


@pytest.mark.parametrize("action", ["hang_up", "reset"])
def test_a_service_that_breaks_everything_puts_all_off(client: Apns, service: SandboxApns, action: str) -> None:
    """If every try breaks, the call ends with all pushes put off for a fault of the transport."""
    service.behave(Behaviour(action="reset" if action == "reset" else "hang_up"))
    ends = outcomes(client, pushes(300))
    assert all(isinstance(end, Later) and end.reason.startswith("transport: ") for end in ends)
    assert service.counts.other < 100


def test_a_stalled_service_puts_all_off(chain: Chain, ca_file: Path, service: SandboxApns) -> None:
    """A service that takes pushes and never answers ends the call after a time-out, however many pushes there are."""
    service.behave(STALL)
    with closing(new_client(chain, ca_file, service.url, timeout=0.3)) as apns:
        ends = outcomes(apns, pushes(2000))
    assert all(isinstance(end, Later) and end.reason.startswith("transport: ") for end in ends)


def test_a_service_that_stalls_half_way_puts_the_rest_off(chain: Chain, ca_file: Path, service: SandboxApns) -> None:
    """What was answered before the stall is sent, what comes after is put off, and the next call works again."""

    def batch() -> Iterator[Push]:
        yield from pushes(40)
        service.behave(STALL)
        yield from (Push(wallet_id=n, target=f"{n:064x}", topic=TOPIC, revision=1) for n in range(1000, 3000))

    with closing(new_client(chain, ca_file, service.url, timeout=1.0, window=20)) as apns:
        ends = [end for _, end in apns.send(batch())]
        service.behave(Behaviour())
        assert outcomes(apns, pushes(100, revision=2)) == [Sent()] * 100
    assert len(ends) == 2040
    assert ends.count(Sent()) >= 20
    assert all(isinstance(end, Sent | Later) for end in ends)


def test_one_stalled_push_does_not_hold_up_the_others(chain: Chain, ca_file: Path, service: SandboxApns) -> None:
    """A push that alone gets no answer is put off; all others are sent, before and after it."""
    batch = pushes(300)
    service.behave(Behaviour(action="stall", tokens=frozenset([batch[20].target])))
    with closing(new_client(chain, ca_file, service.url, timeout=1.0, window=10)) as apns:
        results = dict(apns.send(batch))
    assert [push for push in batch if results[push] != Sent()] == [batch[20]]


def test_a_slow_service_is_waited_for(client: Apns, service: SandboxApns) -> None:
    """Answers that take their time arrive."""
    service.behave(Behaviour(delay=0.05))
    assert outcomes(client, pushes(100)) == [Sent()] * 100


def test_the_services_limit_of_streams_is_obeyed(chain: Chain, ca_file: Path) -> None:
    """With five streams at once allowed and a window of a hundred, two connections serve all, and none is broken."""
    with open_service(chain, max_concurrent_streams=5) as service:
        service.behave(Behaviour(delay=0.01))
        with closing(new_client(chain, ca_file, service.url, window=100)) as apns:
            assert outcomes(apns, pushes(100)) == [Sent()] * 100
        assert service.counts.connections == 2
        assert service.counts.accepted == 100


def test_a_foreign_certificate_stops(chain: Chain, foreign: Chain, ca_file: Path, service: SandboxApns) -> None:
    """A pass certificate that the service does not trust stops all pushes, and the reason says what to check."""
    with closing(new_client(foreign, ca_file, service.url)) as apns:
        ends = outcomes(apns, pushes(200))
    assert all(isinstance(end, Stop) and "refuses the pass certificate" in end.reason for end in ends)
    assert service.counts.connections == 0


def test_an_expired_certificate_stops(chain: Chain, ca_file: Path) -> None:
    """A pass certificate past its end stops all pushes, and the reason says that it is expired."""
    old = make_chain(datetime.now(UTC) - timedelta(days=30), lifetime=timedelta(days=10))
    service = SandboxApns(
        certificate=chain.push_server_certificate,
        key=chain.push_server_key,
        client_authorities=old.wwdr + old.root,
    )
    with service, closing(new_client(old, ca_file, service.url)) as apns:
        end = only(apns, pushes(1)[0])
    assert isinstance(end, Stop)
    assert "certificate expired" in end.reason


@pytest.mark.parametrize("part", ["certificate", "key"])
def test_unusable_certificates_and_keys_stop(
    chain: Chain, foreign: Chain, ca_file: Path, service: SandboxApns, part: str
) -> None:
    """A certificate that is none, or the key of another one, stops all pushes and names both settings."""
    certificate, key = (
        (b"none", chain.pass_key) if part == "certificate" else (chain.pass_certificate, foreign.pass_key)
    )
    with closing(Apns(url=service.url, certificate_pem=certificate, key_pem=key, ca_file=ca_file)) as apns:
        ends = outcomes(apns, pushes(3))
    assert all(isinstance(end, Stop) and "WALLET_APPLE_KEY" in end.reason for end in ends)


def test_an_untrusted_service_stops(chain: Chain, foreign: Chain, tmp_path: Path, service: SandboxApns) -> None:
    """A push service whose certificate is signed by another root stops all pushes and names the setting."""
    other = tmp_path / "other.pem"
    other.write_bytes(foreign.push_root)
    with closing(new_client(chain, other, service.url)) as apns:
        end = only(apns, pushes(1)[0])
    assert isinstance(end, Stop)
    assert "WALLET_APPLE_APNS_CA_FILE" in end.reason


def test_a_stop_spares_the_service_the_rest(client: Apns, service: SandboxApns) -> None:
    """A topic that is not the certificate's stops all of its pushes after the first one; other topics go on."""
    batch = [*pushes(100, topic="pass.of.somebody.else"), *pushes(10)]
    ends = [end for _, end in client.send(batch)]
    assert sum(isinstance(end, Stop) and "TopicDisallowed" in end.reason for end in ends) == 100
    assert ends.count(Sent()) == 10
    assert service.counts.other < 100


@pytest.mark.parametrize(
    "token",
    [
        "../../x?y",
        "..",
        ".",
        "",
        "a/b",
        "a?b=c",
        "a#b",
        "ab%2e%2e",
        "ab\r\napns-topic: pass.other",
        "ab\n",
        "ab\x00cd",
        "a b",
        "jeton-é",
        "f" * 513,
    ],
)
def test_hostile_tokens_are_not_sent(client: Apns, service: SandboxApns, token: str) -> None:
    """A token that would change the path or the headers is gone without a request; its neighbours are sent."""
    (good,) = pushes(1)
    hostile = Push(wallet_id=2, target=token, topic=TOPIC, revision=1)
    results = dict(client.send([hostile, good]))
    end = results[hostile]
    assert isinstance(end, Gone)
    assert end.reason.startswith("BadDeviceToken")
    assert results[good] == Sent()
    assert (service.counts.accepted, service.counts.other) == (1, 0)


def test_a_topic_that_is_none_stops(client: Apns, service: SandboxApns) -> None:
    """A topic with a line break in it stops, without a request."""
    end = only(client, pushes(1, topic="pass.a\r\nx: y")[0])
    assert isinstance(end, Stop)
    assert service.counts.connections == 0


def test_no_service_at_all_puts_off(chain: Chain, ca_file: Path) -> None:
    """Where nothing listens, all pushes are put off."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with closing(new_client(chain, ca_file, f"https://127.0.0.1:{port}")) as apns:
        ends = outcomes(apns, pushes(200))
    assert all(isinstance(end, Later) and end.reason.startswith("transport: ") for end in ends)


def test_a_service_that_comes_back_is_used_again(chain: Chain, ca_file: Path) -> None:
    """After a restart of the service on the same port, the same client sends again."""
    with open_service(chain) as first, closing(new_client(chain, ca_file, first.url)) as apns:
        assert outcomes(apns, pushes(10)) == [Sent()] * 10
        first.stop()
        assert isinstance(only(apns, pushes(1)[0]), Later)
        with open_service(chain, port=first.port):
            assert outcomes(apns, pushes(10)) == [Sent()] * 10


def http1_service(chain: Chain, folder: Path) -> tuple[socket.socket, threading.Thread]:
    """A TLS server that knows HTTP/1.1 only, and does not look at what ALPN offers."""
    chain.write(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "push_server_certificate.pem", folder / "push_server_key.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(65536)
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            while tls.recv(65536):
                pass

    thread = threading.Thread(target=answer)
    thread.start()
    return listener, thread


def test_http1_is_refused(chain: Chain, ca_file: Path, tmp_path: Path) -> None:
    """A service that answers in HTTP/1.1 stops all pushes, though it says 200."""
    listener, thread = http1_service(chain, tmp_path)
    with (
        listener,
        closing(new_client(chain, ca_file, f"https://127.0.0.1:{listener.getsockname()[1]}", timeout=1)) as apns,
    ):
        end = only(apns, pushes(1)[0])
    thread.join()
    assert isinstance(end, Stop)
    assert "HTTP/2" in end.reason


@contextmanager
def openssl_service(folder: Path) -> Iterator[str]:
    """A TLS server of OpenSSL's own that insists on HTTP/1.1."""
    command = ["openssl", "s_server", "-alpn", "http/1.1", "-accept", "127.0.0.1:0"]
    command += ["-cert", str(folder / "push_server_certificate.pem"), "-key", str(folder / "push_server_key.pem")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            assert server.stdout is not None
            listening = next(line for line in server.stdout if line.startswith(b"ACCEPT"))
            yield f"https://127.0.0.1:{listening.rsplit(b':', 1)[1].strip().decode()}"
        finally:
            server.terminate()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_a_handshake_without_h2_is_refused(chain: Chain, ca_file: Path, tmp_path: Path) -> None:
    """A service whose TLS insists on another protocol than h2 stops all pushes."""
    chain.write(tmp_path)
    with openssl_service(tmp_path) as url, closing(new_client(chain, ca_file, url)) as apns:
        end = only(apns, pushes(1)[0])
    assert isinstance(end, Stop)
    assert "HTTP/2" in end.reason


def test_the_environments_proxy_is_ignored(
    chain: Chain, ca_file: Path, service: SandboxApns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies named by the environment are not asked."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with closing(new_client(chain, ca_file, service.url)) as apns:
        assert only(apns, pushes(1)[0]) == Sent()


def test_pushes_are_read_as_there_is_room(chain: Chain, ca_file: Path, service: SandboxApns) -> None:
    """No more pushes are taken from the iterable than the window holds, and one before anything is answered."""
    taken = 0

    def batch() -> Iterator[Push]:
        nonlocal taken
        for push in pushes(200):
            taken += 1
            yield push

    with closing(new_client(chain, ca_file, service.url, window=10)) as apns:
        ahead = [taken - done for done, _ in enumerate(apns.send(batch()), start=1)]
    assert ahead[0] == 0
    assert max(ahead) < 10


def test_an_abandoned_call_leaves_the_client_usable(client: Apns, service: SandboxApns) -> None:
    """A call that is closed half way takes its pushes back, and the next call works on the same connection."""
    service.behave(Behaviour(delay=0.05))
    with closing(cast(Generator[tuple[Push, Outcome]], client.send(pushes(100)))) as sending:
        next(sending)
        with pytest.raises(RuntimeError, match="one send"):
            next(client.send(pushes(1)))
    assert outcomes(client, pushes(10)) == [Sent()] * 10
    assert service.counts.connections == 1


def test_many_open_files_are_no_trouble(client: Apns) -> None:
    """A socket whose descriptor lies above 1023 works as any other does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert outcomes(client, pushes(10)) == [Sent()] * 10
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_probe_finds_nothing_wrong(client: Apns, service: SandboxApns) -> None:
    """A probe of a service that takes certificate and topic finds no fault, and reaches no phone."""
    assert client.probe(TOPIC) is None
    assert service.counts.accepted == 0


def test_probe_tells_what_is_wrong(client: Apns, chain: Chain, foreign: Chain, ca_file: Path) -> None:
    """A probe names a wrong topic, a refused certificate and a service that is not there."""
    assert "TopicDisallowed" in (client.probe("pass.of.somebody.else") or "")
    with open_service(chain) as service:
        with closing(new_client(foreign, ca_file, service.url)) as apns:
            assert "refuses the pass certificate" in (apns.probe(TOPIC) or "")
        with closing(new_client(chain, ca_file, service.url)) as apns:
            service.stop()
            assert "connect" in (apns.probe(TOPIC) or "")


@pytest.mark.parametrize(
    ("url", "certificate"), [("http://127.0.0.1:1", b"x"), ("api.push.apple.com", b"x"), ("https://127.0.0.1:1", b"")]
)
def test_unusable_settings_are_refused(url: str, certificate: bytes) -> None:
    """An address without https, or no certificate at all, is refused at once."""
    with pytest.raises(SettingsRefused, match="WALLET_APPLE_"):
        Apns(url=url, certificate_pem=certificate, key_pem=b"x")
