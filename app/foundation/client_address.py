"""The client's own address behind the proxies that we trust."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

# A longer chain is a forgery or a loop.
MAX_HOPS = 32


class ClientAddresses:
    """Finds whose request it is. Forwarded headers count only when a trusted proxy sent them.

    `X-Forwarded-Host` and `X-Forwarded-Proto` are not read anywhere: what we call ourselves is a setting.
    """

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        self._trusted = tuple(trusted_proxies)

    def find(self, peer: str | None, forwarded_for: Sequence[bytes]) -> str | None:
        """The address of the client behind `peer`, or None where the peer has none (a unix socket).

        `forwarded_for` holds the values of X-Forwarded-For in the order received. The chain is walked from its
        end: each trusted proxy vouches for the hop before it, and the first hop that is not trusted is the client.
        """
        if not self._trusted or not forwarded_for or peer is None:
            return peer
        client = _address(peer)
        if client is None:
            return peer
        hops = b",".join(forwarded_for).decode("latin-1").split(",")
        for hop in reversed(hops[-MAX_HOPS:]):
            if not self._is_trusted(client):
                break
            before = _address(hop.strip())
            if before is None:
                break
            client = before
        return str(client)

    def _is_trusted(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def _address(text: str) -> IPv4Address | IPv6Address | None:
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
