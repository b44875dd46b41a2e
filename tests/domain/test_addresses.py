"""Only public addresses are reached, and the private ones that somebody named, however they are written."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.domain.addresses import LOOPBACK, Reach, is_public, literal, networks

PUBLIC = ("1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4014:80e::200e", "64:ff9b::8.8.8.8")
PRIVATE = (
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
)
NUMBERS_4 = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached_by_https_alone(address: str) -> None:
    """A host on the Internet gets messages over TLS, and none in clear."""
    assert Reach().allows(address, encrypted=True)
    assert not Reach().allows(address, encrypted=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_reached(address: str) -> None:
    """Neither loopback, nor a network's own, nor a cloud's metadata, nor IPv4 in the clothes of IPv6."""
    assert not Reach().allows(address, encrypted=True)
    assert not Reach().allows(address, encrypted=False)


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "1.2.3.4.5", "0x7f.1", "[::1]", "1.1.1.1 "])
def test_what_is_no_address_is_not_reached(text: str) -> None:
    """Only an address in its one spelling is judged; anything else is refused."""
    assert not Reach(networks("0.0.0.0/0,::/0")).allows(text, encrypted=True)
    assert literal(text) is None


def test_named_networks_are_reached_and_nothing_beside_them() -> None:
    """What the operator names is reached, in clear too, and its neighbours are not."""
    reach = Reach(networks("10.1.0.0/16, fd00:1::/32"))
    assert reach.allows("10.1.255.1", encrypted=False)
    assert reach.allows("::ffff:10.1.2.3", encrypted=True)
    assert reach.allows("fd00:1::5", encrypted=True)
    assert not reach.allows("10.2.0.1", encrypted=True)
    assert not reach.allows("fd00:2::5", encrypted=True)
    assert not reach.allows("169.254.169.254", encrypted=True)
    assert Reach(LOOPBACK).allows("127.8.9.1", encrypted=False)
    assert not Reach(LOOPBACK).allows("::2", encrypted=False)


@pytest.mark.parametrize("given", ["10.0.0.1/8", "ten", "10.0.0.0/33"])
def test_networks_are_written_properly(given: str) -> None:
    """A network with bits outside its mask, or none at all, is a mistake that is told."""
    with pytest.raises(ValueError, match=r".+"):
        networks(given)


@given(NUMBERS_4)
def test_no_disguise_makes_an_address_public(number: int) -> None:
    """Whatever IPv4 is not public is not public as IPv6 either; and 6to4, Teredo and their like never are."""
    address = IPv4Address(number)
    mapped, translated = IPv6Address((0xFFFF << 32) + number), IPv6Address((0x64FF9B << 96) + number)
    assert Reach().allows(str(mapped), encrypted=True) == is_public(address)
    assert is_public(translated) == is_public(address)
    assert not is_public(IPv6Address((0x2002 << 112) + (number << 80) + 1))
    assert not is_public(IPv6Address((0x20010000 << 96) + number))
    assert not is_public(IPv6Address(number))


@given(NUMBERS_4)
def test_public_is_no_more_than_the_registry_allows(number: int) -> None:
    """Python's own registry of special networks is a bound: we never call public what it does not."""
    address = ip_address(number)
    assert not is_public(address) or (address.is_global and not address.is_multicast and not address.is_reserved)
    assert (
        is_public(address)
        or not address.is_global
        or any(address in IPv4Network(each) for each in ("192.88.99.0/24", "224.0.0.0/3", "192.0.0.0/24"))
    )
