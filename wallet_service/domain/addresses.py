"""Which network addresses a merchant may have us connect to: public ones, and private ones that the operator names.

Private is what is not a host's on the Internet: https://www.iana.org/assignments/iana-ipv4-special-registry and
https://www.iana.org/assignments/iana-ipv6-special-registry.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
# What Python takes for global, and is not a single host's, or leads to somebody whom only its own bits name.
_SPECIAL_4 = tuple(
    IPv4Network(each) for each in ("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/3")
)
_GLOBAL_6 = IPv6Network("2000::/3")
_SPECIAL_6 = tuple(IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
_TRANSLATED = IPv6Network("64:ff9b::/96")  # how a host without IPv4 reaches IPv4: RFC 6052


@dataclass(frozen=True, slots=True)
class Reach:
    """How far we may reach: everything public by https, and these networks also without."""

    private: tuple[Network, ...] = ()

    def allows(self, address: str, *, encrypted: bool) -> bool:
        """Whether we may connect to an address, over TLS or without; one that is none is refused."""
        found = _read(address)
        if found is None:
            return False
        return any(found in each for each in self.private) or (encrypted and is_public(found))


def block_of(address: str | None) -> str:
    """Return the network of a few hundred neighbours that an address is one of; empty where it is no address.

    Whoever has an IPv6 connection has at least a /64 of addresses, and often a /56.
    """
    found = _read(address or "")
    if found is None:
        return ""
    return str(ip_network((found, 24 if isinstance(found, IPv4Address) else 56), strict=False))


def is_public(address: Address) -> bool:
    """Whether an address is a host's on the public Internet."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in each for each in _SPECIAL_4)
    if address in _TRANSLATED:
        return is_public(IPv4Address(address.packed[-4:]))
    return address in _GLOBAL_6 and address.is_global and not any(address in each for each in _SPECIAL_6)


def networks(given: str) -> tuple[Network, ...]:
    """Return the networks of a list with commas: "10.1.0.0/16, fd00::/8".

    Raises `ValueError`.
    """
    return tuple(ip_network(each.strip()) for each in given.split(",") if each.strip())


def literal(host: str) -> str | None:
    """Return the address that a host's name itself is, None for a name that has to be looked up."""
    found = _read(host)
    return None if found is None else str(found)


def _read(address: str) -> Address | None:
    """Return an address in the form in which it is reached: IPv4 within IPv6 is IPv4."""
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
