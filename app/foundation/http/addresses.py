"""Which IP addresses are the public internet's, whatever they are dressed as. Spec: RFC 6890."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Outside every reserved range, and yet a cloud's own host on each of its machines (Azure).
        "168.63.129.16/32",
        # Within the unicast range 2000::/3; Teredo and 6to4 carry an IPv4 address that their relays reach.
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3ffe::/16", "3fff::/20"),
    )
)
# All other IPv6 space is loopback, unspecified, unique local, link-local, multicast or nobody's.
_IPV6_UNICAST = ip_network("2000::/3")
# A network with IPv6 alone reaches every IPv4 host by this prefix: what counts is the address inside. RFC 6052 §2.1.
_NAT64 = ip_network("64:ff9b::/96")
# Never opened by the name of a host: what answers here hands out a machine's credentials, or is nobody.
_NEVER_BY_NAME = tuple(
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("100.100.100.200/32", "::/128", "fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128", "ff00::/8"),
    )
)
_ISATAP_MARKS = (0x00005EFE, 0x02005EFE)
_LAST_LABEL_IS_NUMBER = re.compile(r"(?:[0-9]+|0[xX][0-9a-fA-F]*)")


def plain(address: IPAddress) -> IPAddress:
    """The address that is meant: IPv4 inside IPv4-mapped and NAT64 addresses, anything else as it is."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(address: IPAddress) -> bool:
    """Whether an address is a unicast address of the public internet, and no machine's own neighbour."""
    address = plain(address)
    if isinstance(address, IPv6Address) and (address not in _IPV6_UNICAST or _is_isatap(address)):
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def may_be_opened_by_name(address: IPAddress) -> bool:
    """Whether allowing a host by its name may lead here: private and loopback addresses yes, metadata services no."""
    address = plain(address)
    return not any(address in network for network in _NEVER_BY_NAME)


def literal(host: str) -> IPAddress | None:
    """The address that a host of a URL spells out, None for a name.

    Raises ValueError for numbers that are no plain address: 2130706433, 0x7f.1, 0177.0.0.1, `fe80::1%eth0`.
    Spec: WHATWG URL §3.5 ("ends in a number").
    """
    if ":" in host or _LAST_LABEL_IS_NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        address = ip_address(host)
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            raise ValueError("an address with a zone leads nowhere else than to a neighbour")
        return address
    return None


def _is_isatap(address: IPv6Address) -> bool:
    """An IPv4 address in the last four bytes, to which a router of its site unwraps. Spec: RFC 5214 §6.1."""
    return (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP_MARKS
