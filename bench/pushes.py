"""How many pushes one worker sends: `python -m bench.pushes`.

The server is not the limit: nginx, or node where a delay is needed, each in a process of its own, with the client
certificate required as Apple does. (nghttpd can give no 200 to a POST.) Where they are missing, the sandbox's own
service takes their place, and the figures are then that service's.
"""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from wallet_service.apple.apns import Apns
from wallet_service.domain.push import Push, Sent
from wallet_service.sandbox.apns import Behaviour, SandboxApns
from wallet_service.sandbox.chain import Chain, make_chain

TOPIC = "pass.sandbox.wallet-service.loyalty"
ROUNDS = 3
DELAY = 0.05
WINDOW = 1000
GOAL = 5000
GOAL_OF_POSSIBLE = 0.5
READY_TIMEOUT = 5.0

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{port} ssl http2; http2_max_concurrent_streams {streams}; keepalive_requests 1000000000;
    ssl_certificate {folder}/push_server_certificate.pem; ssl_certificate_key {folder}/push_server_key.pem;
    ssl_client_certificate {folder}/authorities.pem; ssl_verify_client on; ssl_verify_depth 3;
    location / {{ add_header apns-id $http_apns_id; return 200; }}
  }}
}}
"""

NODE = """
const fs = require('fs'), read = name => fs.readFileSync('{folder}/' + name + '.pem');
const server = require('http2').createSecureServer({{
  cert: read('push_server_certificate'), key: read('push_server_key'), ca: read('authorities'),
  requestCert: true, rejectUnauthorized: true, settings: {{ maxConcurrentStreams: {streams} }} }});
server.on('stream', (stream, headers) => {{
  stream.on('error', () => {{}});
  stream.resume();
  setTimeout(() => stream.destroyed || stream.respond(
    {{ ':status': 200, 'apns-id': headers['apns-id'] }}, {{ endStream: true }}), {delay});
}});
server.on('sessionError', () => {{}});
server.listen({port}, '127.0.0.1');
"""


def run(number: int = 20_000) -> list[str]:
    """Return the lines of the report; a line that misses its goal begins with MISSED."""
    chain = make_chain(datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="bench-pushes-") as name:
        folder = Path(name)
        chain.write(folder)
        (folder / "authorities.pem").write_bytes(chain.wwdr + chain.root)
        lines = _loopback(chain, folder, number)
        for streams, connections, part in ((100, 2, 5), (1000, 1, 2)):
            lines += _delayed(chain, folder, number // part, streams=streams, connections=connections)
        return lines


def _loopback(chain: Chain, folder: Path, number: int) -> list[str]:
    with _server(chain, folder, streams=1000, delay=0) as (what, url):
        alone = _one_connection_each(chain, folder, url, 30)
        with contextlib.closing(_client(chain, folder, url)) as apns:
            rate, cpu = _rate(apns, number)
        return [
            f"loopback, server {what}, {number} pushes, best of {ROUNDS} rounds:",
            f"{_mark(rate >= GOAL)} {rate:,.0f} pushes/s by the clock, {cpu:,.0f} per second of CPU (goal {GOAL:,}/s)",
            f"   {rate / alone:,.0f} x a client made anew for every push ({alone:,.0f}/s)",
        ]


def _delayed(chain: Chain, folder: Path, number: int, *, streams: int, connections: int) -> list[str]:
    possible = min(streams * connections, WINDOW) / DELAY
    with (
        _server(chain, folder, streams=streams, delay=DELAY) as (what, url),
        contextlib.closing(_client(chain, folder, url, connections=connections)) as apns,
    ):
        rate, _ = _rate(apns, number)
    share = rate / possible
    reached = f"{rate:,.0f} pushes/s by the clock = {share:.2f} of the {possible:,.0f} that streams / RTT allow"
    return [
        f"answers take {DELAY * 1000:.0f} ms, {streams} streams on each of {connections} connections, server {what}:",
        f"{_mark(share >= GOAL_OF_POSSIBLE)} {reached} (goal {GOAL_OF_POSSIBLE})",
    ]


def _rate(apns: Apns, number: int) -> tuple[float, float]:
    """Pushes per second by the clock and by the CPU of this process, in the best round; a first one warms up.

    The best, because what else runs on the machine can only take away.
    """
    _send(apns, _pushes(2000))
    clocks, cpus = [], []
    for _ in range(ROUNDS):
        batch = _pushes(number)
        clock, cpu = time.perf_counter(), time.process_time()
        _send(apns, batch)
        clocks.append(number / (time.perf_counter() - clock))
        cpus.append(number / (time.process_time() - cpu))
    return max(clocks), max(cpus)


def _one_connection_each(chain: Chain, folder: Path, url: str, number: int) -> float:
    clock = time.perf_counter()
    for push in _pushes(number):
        with contextlib.closing(_client(chain, folder, url)) as apns:
            _send(apns, [push])
    return number / (time.perf_counter() - clock)


def _send(apns: Apns, batch: list[Push]) -> None:
    sent = sum(end == Sent() for _, end in apns.send(batch))
    if sent != len(batch):
        raise RuntimeError(f"only {sent} of {len(batch)} pushes were sent: the figures would mean nothing")


def _pushes(number: int) -> list[Push]:
    return [Push(wallet_id=n, target=f"{n:064x}", topic=TOPIC, revision=1) for n in range(number)]


def _client(chain: Chain, folder: Path, url: str, *, connections: int = 1) -> Apns:
    return Apns(
        url=url,
        certificate_pem=chain.pass_certificate,
        key_pem=chain.pass_key,
        ca_file=folder / "push_root.pem",
        connections=connections,
        window=WINDOW,
    )


@contextlib.contextmanager
def _server(chain: Chain, folder: Path, *, streams: int, delay: float) -> Iterator[tuple[str, str]]:
    """Run the best server that is installed; yield its name and its address."""
    port = _free_port()
    values = {"folder": folder, "port": port, "streams": streams, "delay": int(delay * 1000)}
    nginx, node = shutil.which("nginx"), shutil.which("node")
    if nginx and not delay:
        (folder / "nginx.conf").write_text(NGINX.format(**values))
        command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    elif node:
        (folder / "server.js").write_text(NODE.format(**values))
        command = [node, str(folder / "server.js")]
    else:
        with _sandbox(chain, streams=streams, delay=delay) as url:
            yield "THE SANDBOX'S OWN, IN THIS VERY PROCESS: NOT A MEASURE OF THE CLIENT", url
        return
    with _child(command, port):
        yield Path(command[0]).name, f"https://127.0.0.1:{port}"


@contextlib.contextmanager
def _child(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        _await(process, port)
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _sandbox(chain: Chain, *, streams: int, delay: float) -> Iterator[str]:
    service = SandboxApns(
        certificate=chain.push_server_certificate,
        key=chain.push_server_key,
        client_authorities=chain.wwdr + chain.root,
        max_concurrent_streams=streams,
    )
    service.behave(Behaviour(delay=delay))
    with service:
        yield service.url


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not listen: run it by hand to see why")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _mark(reached: bool) -> str:
    return "  " if reached else "MISSED"


if __name__ == "__main__":
    report = run()
    sys.stdout.write("\n".join(report) + "\n")
    sys.exit(any(line.startswith("MISSED") for line in report))
