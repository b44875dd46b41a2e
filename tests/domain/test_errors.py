"""Errors are one family, name every fault, and say where each of them is."""

import inspect

import pytest

from wallet_service.domain import errors
from wallet_service.domain.errors import (
    EventConflict,
    EventRefused,
    Fault,
    FaultsError,
    TemplateRefused,
    UnknownMember,
    WalletError,
)

FAMILY = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]


@pytest.mark.parametrize("error", FAMILY)
def test_every_error_is_a_wallet_error(error: type[Exception]) -> None:
    """Whoever catches `WalletError` catches all that is refused on purpose."""
    assert issubclass(error, WalletError)


@pytest.mark.parametrize("error", FAMILY)
def test_every_error_says_when_it_is_raised(error: type[Exception]) -> None:
    """Each error has a docstring of its own."""
    assert vars(error)["__doc__"]


def test_a_fault_reads_as_file_key_and_message() -> None:
    """A fault with a key names both; one without names the file alone."""
    assert str(Fault("pass.toml", "header[0].key", "is missing")) == "pass.toml: header[0].key: is missing"
    assert str(Fault("certificate", "", "is missing")) == "certificate: is missing"


def test_all_faults_stand_in_the_message_sorted() -> None:
    """An error with several faults names them all, in the order of their places whatever order they were found in."""
    found = [Fault("b.toml", "x", "late"), Fault("a.toml", "y", "second"), Fault("a.toml", "k", "first")]

    error = TemplateRefused("It cannot be used.", iter(found))

    assert error.faults == tuple(sorted(found))
    assert str(error).splitlines() == [
        "It cannot be used.",
        "  a.toml: k: first",
        "  a.toml: y: second",
        "  b.toml: x: late",
    ]


def test_faults_are_a_family_within_the_family() -> None:
    """Errors with faults can be caught together, and apart from the others."""
    assert issubclass(EventRefused, FaultsError)
    assert not issubclass(EventConflict, FaultsError)


def test_errors_say_what_to_do() -> None:
    """A conflict and an unknown member tell the sender the way out, and keep the facts as fields."""
    assert EventConflict("evt_1").event_id == "evt_1"
    assert "under a new id" in str(EventConflict("evt_1"))
    assert UnknownMember("customer 7").customer == "customer 7"
    assert "Send member.enrolled first" in str(UnknownMember("customer 7"))
