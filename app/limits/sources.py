"""What of a client's address counts: whoever holds one IPv6 address holds its whole /64."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

UNKNOWN = "unknown"


def source_of(ip: str | None) -> str:
    """The IPv4 address, or the IPv6 /64."""
    return _network(ip, v4=32, v6=64)


def network_of(ip: str | None) -> str:
    """The IPv4 /24, or the IPv6 /48, which is what one customer is given at most."""
    return _network(ip, v4=24, v6=48)


# Each sign-in asks twice, and to take an address apart costs as much as the rest of a limit.
@lru_cache(maxsize=1024)
def _network(ip: str | None, *, v4: int, v6: int) -> str:
    # A peer on a unix socket has no address, and shares its limits with every other.
    address = None if ip is None else _address(ip)
    if address is None:
        return UNKNOWN
    length = v4 if address.version == 4 else v6
    return str(ip_network(f"{address}/{length}", strict=False))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
