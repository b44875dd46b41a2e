"""The doors: merchants' webhooks and API, Apple's web service, Google's callbacks, public pages, health, the head."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from wallet_service.web import (
    account,
    api,
    apple,
    claim,
    errors,
    funnel,
    google,
    headers,
    health,
    joining,
    ledger,
    links,
    mail,
    member_page,
    members,
    public,
    requests_log,
    webhooks,
)
from wallet_service.web.api import served
from wallet_service.wiring import Service

LARGEST_BODY = 1024 * 1024


def create_app(service: Service) -> Flask:
    """Return the web application of a service."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.json.sort_keys = False  # type: ignore[attr-defined]
    headers.install(app)
    errors.install(app)
    requests_log.install(app)
    app.register_blueprint(webhooks.blueprint(service), url_prefix="/webhooks")
    app.register_blueprint(apple.blueprint(service), url_prefix="/apple/v1")
    app.register_blueprint(google.blueprint(service))
    app.register_blueprint(public.blueprint(service))
    app.register_blueprint(account.blueprint(service))
    app.register_blueprint(links.blueprint(service))
    app.register_blueprint(joining.blueprint(service))
    app.register_blueprint(members.blueprint(service))
    app.register_blueprint(member_page.blueprint(service))
    app.register_blueprint(funnel.blueprint(service))
    app.register_blueprint(claim.blueprint(service))
    app.register_blueprint(mail.blueprint(service))
    app.register_blueprint(health.blueprint(service))
    app.register_blueprint(ledger.blueprint(service))
    app.register_blueprint(api.blueprint(service), url_prefix=api.PREFIX)
    app.register_blueprint(served.blueprint(service))
    hops = service.settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
