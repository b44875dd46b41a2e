"""Webhook secrets are kept encrypted, and open only under the key that they were stored under."""

import base64

import pytest
from actors import Shop
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from wallet_service.domain.errors import SettingsRefused
from wallet_service.storage.vault import Vault
from wallet_service.usecases.connect import connect, new_secret
from wallet_service.wiring import Service

SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes, known").decode()


@given(st.text(max_size=200, alphabet=st.characters(exclude_categories=["Cs"])))
@settings(max_examples=40, deadline=None)
def test_what_is_sealed_opens_again(secret: str) -> None:
    """Any text comes back as it was, also under a vault that was opened anew with the same key."""
    assert Vault("key").open(Vault("key").seal(secret)) == secret


def test_a_sealed_secret_shows_nothing() -> None:
    """Neither the secret nor its base64 stands in the sealed bytes, and sealing twice gives other bytes."""
    vault = Vault("key")
    one, other = vault.seal(SECRET), vault.seal(SECRET)
    assert one != other
    for each in (SECRET.encode(), base64.b64encode(SECRET.encode()), base64.urlsafe_b64encode(SECRET.encode())):
        assert each not in one


def test_another_key_does_not_open_it() -> None:
    """A wrong key is refused in words that name the setting, and never the secret."""
    with pytest.raises(SettingsRefused, match="WALLET_SECRET_KEY: does not open the secrets") as refused:
        Vault("other key").open(Vault("key").seal(SECRET))
    assert refused.value.__suppress_context__
    assert "whsec" not in str(refused.value)


@pytest.mark.parametrize("sealed", [b"", b"junk", b"\xff" * 100, b"gAAAAA", SECRET.encode(), b"=" * 50])
def test_what_was_never_sealed_is_refused_alike(sealed: bytes) -> None:
    """Damaged rows are told in the same words as a wrong key."""
    with pytest.raises(SettingsRefused, match="WALLET_SECRET_KEY"):
        Vault("key").open(sealed)


def test_an_altered_secret_does_not_open() -> None:
    """Changing any one byte of a sealed secret is noticed."""
    sealed = bytearray(Vault("key").seal("secret"))
    for index in range(len(sealed)):
        altered = bytearray(sealed)
        altered[index] ^= 1
        with pytest.raises(SettingsRefused):
            Vault("key").open(bytes(altered))


def test_the_database_never_sees_a_secret(service: Service, shop: Shop) -> None:
    """What stands in the table is sealed, and opens to the secret that the shop was given."""
    with service.read() as tx:
        stored = bytes(tx.execute(text("SELECT secret FROM sources")).scalar_one())
    assert shop.secret.removeprefix("whsec_").encode() not in stored
    assert service.vault.open(stored) == shop.secret


def test_every_secret_is_new(service: Service) -> None:
    """Secrets have the form of Standard Webhooks, 24 random bytes, and none is given twice."""
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(base64.b64decode(each.removeprefix("whsec_"), validate=True)) == 24 for each in secrets)
    with service.begin() as tx:
        given = connect(tx, vault=service.vault, template=service.template("points"), name="new", now=service.clock())
        again = connect(tx, vault=service.vault, template=service.template("points"), name="new", now=service.clock())
    assert given
    assert again is None
