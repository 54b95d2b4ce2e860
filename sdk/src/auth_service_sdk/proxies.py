"""The caller's own address behind the proxies that are trusted, and whether it lies in some networks."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_HOPS = 32
"""A longer chain is a forgery or a loop."""


class TrustedProxies:
    """Finds whose request it is: `X-Forwarded-For` counts only where a trusted proxy sent it.

    Raises ValueError or TypeError for what is no network.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        if isinstance(networks, str):
            raise TypeError(f"trusted_proxies must be a list of networks, got the string {networks!r}: [{networks!r}]")
        try:
            self._trusted = tuple(ip_network(network) for network in networks)
        except ValueError as error:
            raise ValueError(f"trusted_proxies must be networks such as '10.0.0.0/8': {error}") from None

    def client(self, scope: Scope) -> Address | None:
        """The address of the client; None where it is not known, as behind a unix socket."""
        peer = scope.get("client")
        client = None if peer is None else _address(peer[0])
        forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        if client is None or not forwarded:
            return client
        # Each trusted proxy vouches for the hop before it; the first that is not trusted is the client.
        for hop in reversed(b",".join(forwarded).decode("latin-1").split(",")[-MAX_HOPS:]):
            if not is_within(client, self._trusted):
                break
            before = _address(hop.strip())
            if before is None:
                break
            client = before
        return client


def is_within(address: Address | None, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of some networks; one that is not known lies in none."""
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """An address as proxies write it: bare, with a port, or in brackets. IPv4 inside IPv6 counts as IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
