"""The processes that listen: the web, and the sandbox with its phone."""

import atexit
import gc
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack

import structlog
from flask import Flask
from granian import Granian
from granian.constants import Interfaces

from wallet_service import config, logs
from wallet_service.config import Settings
from wallet_service.demo import Demo
from wallet_service.domain.errors import Fault, SettingsRefused
from wallet_service.sandbox.apns import SandboxApns
from wallet_service.sandbox.google import SandboxGoogle
from wallet_service.sandbox.google_web import create_google, serve_google
from wallet_service.sandbox.sandbox import CardLinkFailed, Sandbox
from wallet_service.sandbox.server import create_sandbox, sandbox_of, serve
from wallet_service.sandbox.shop import Shop
from wallet_service.web import create_app
from wallet_service.wiring import Service, build, sandbox_chain
from wallet_service.wiring.google_account import sandbox_account

log = structlog.get_logger(__name__)

HAND_OVER_TRIES = 100
HAND_OVER_PAUSE = 0.3  # seconds


def web_app() -> Flask:
    """Return the web application of this process, built from the environment."""
    settings = config.load()
    logs.configure(settings.log_format)
    service = build(settings)
    atexit.register(service.close)
    app = create_app(service)
    gc.collect()
    gc.freeze()  # what is there from the start stays: to look through all of it for garbage would hold up requests
    return app


def serve_web(settings: Settings) -> None:
    """Serve until a TERM signal; requests at hand are finished first.

    The parts are built once here before any process is started, so that a wrong certificate, template or setting is
    told at once and not by processes that die again and again.

    Raises `SettingsRefused` for a port that is taken, and what `build` raises.
    """
    require_port(settings)
    service = build(settings)
    log.info("settings", **settings.shown())
    try:
        Granian(
            "wallet_service.serving:web_app",
            factory=True,
            interface=Interfaces.WSGI,
            address=settings.host,
            port=settings.port,
            workers=settings.web_processes,
            blocking_threads=settings.web_threads,
            log_enabled=False,
            respawn_failed_workers=True,
        ).serve()
    finally:
        service.close()


def require_sandbox(settings: Settings) -> None:
    """Refuse to play the sandbox where a real certificate signs what its phone would not trust.

    Raises `SettingsRefused`.
    """
    if not settings.sandbox:
        message = "is set, so there is no sandbox; unset it to try the simulated phone"
        raise SettingsRefused("The sandbox does not run.", [Fault("WALLET_APPLE_CERTIFICATE", "", message)])


def require_port(settings: Settings) -> None:
    """Refuse a port that somebody else listens on: the server would share it, and each get half of the requests.

    Raises `SettingsRefused`.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            fault = Fault("WALLET_PORT", "", f"{settings.port} on {settings.host}: {error.strerror}; choose another")
            raise SettingsRefused("The web service cannot listen.", [fault]) from error


def serve_sandbox(service: Service, facts: Demo) -> None:
    """Serve the simulated phones, push service and Google until a TERM signal; both phones get the demo's card."""
    settings = service.settings
    google = _google(service) if settings.google_sandbox else None
    chain = sandbox_chain(settings, now=service.clock())
    root = (chain / "root.pem").read_bytes()
    apns = SandboxApns(
        certificate=(chain / "push_server_certificate.pem").read_bytes(),
        key=(chain / "push_server_key.pem").read_bytes(),
        client_authorities=(chain / "wwdr.pem").read_bytes() + root,
        port=settings.sandbox_apns_port,
        on_push=lambda *push: sandbox_of(app).pushed(*push),
    )
    app = create_sandbox(
        root_pem=root,
        web_base_url=settings.base_url,
        apns=apns,
        seed=service.secret_key,
        shop=Shop(facts.webhook_url, facts.webhook_secret, facts.customer_id, endpoint_secret=facts.endpoint_secret),
        clock=service.clock,
        card_url=facts.card_url,
        google=google,
        google_add_url=facts.google_add_url if google else None,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as open_doors:
        open_doors.enter_context(apns)
        if google:
            open_doors.callback(google.close)
            doors = serve_google(create_google(google), settings.host, settings.sandbox_google_port)
            open_doors.callback(doors.shutdown)
        server = serve(app, settings.host, settings.sandbox_port)
        open_doors.callback(server.shutdown)
        open_doors.callback(sandbox_of(app).stop)
        log.info("sandbox.started", page=f"http://{settings.host}:{server.port}/", push=apns.url)
        _hand_over(sandbox_of(app), stop)
        stop.wait()


def _google(service: Service) -> SandboxGoogle:
    """Return a Google that knows our service account and keeps what it holds, as Google does."""
    settings = service.settings
    google = SandboxGoogle(
        issuer_id=settings.issuer_id,
        clock=service.clock,
        most_per_second=settings.google_requests_per_second,
        folder=settings.data_folder / "sandbox",
    )
    google.admit(sandbox_account(settings))
    return google


def _hand_over(sandbox: Sandbox, stop: threading.Event) -> None:
    """Put the demo's card on the phones as soon as the web answers."""
    left: list[Callable[[], object]] = [sandbox.download_card]
    if sandbox.android:
        left.append(sandbox.save_card)
    for _ in range(HAND_OVER_TRIES):
        try:
            while left:
                left[0]()
                left.pop(0)
            return
        except CardLinkFailed:
            if stop.wait(HAND_OVER_PAUSE):
                return
    log.info("sandbox.card.not_added", hint="press Add to Wallet when the web runs")
