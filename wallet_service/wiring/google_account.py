"""The service account that speaks to Google: given, or the sandbox's own."""

from dataclasses import replace
from pathlib import Path

from wallet_service.config import Settings
from wallet_service.domain.errors import Fault
from wallet_service.google.service_account import PLACE, ServiceAccount, ServiceAccountRefused, load_service_account
from wallet_service.sandbox.google import make_service_account
from wallet_service.wiring.files import made_once


def open_account(settings: Settings) -> ServiceAccount:
    """Return the service account; in the sandbox one that is made on first use, with the sandbox's token address.

    Raises `ServiceAccountRefused`.
    """
    if settings.google_service_account is None:
        account = load_service_account(sandbox_account(settings))
        return replace(account, token_uri=f"{settings.sandbox_google_url}/token")
    given = settings.google_service_account.get_secret_value().strip()
    if given.startswith("{"):
        return load_service_account(given.encode())
    try:
        return load_service_account(Path(given).read_bytes())
    except OSError as error:
        fault = Fault("WALLET_GOOGLE_SERVICE_ACCOUNT", PLACE, f"cannot be read: {error.strerror}")
        raise ServiceAccountRefused("The service account cannot be used:", [fault]) from None


def sandbox_account(settings: Settings) -> bytes:
    """Return the JSON key of the sandbox's service account, made on first use."""
    path = settings.data_folder / "sandbox" / "google_service_account.json"
    return made_once(path, lambda: make_service_account(f"{settings.sandbox_google_url}/token"))
