"""What an API key may be: pure rules."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from app.apikeys.errors import InvalidAPIKeyDefinition

MAX_NAME_CHARACTERS = 128
MAX_SCOPES, MAX_NETWORKS = 64, 64
KEPT_ANSWERS = timedelta(seconds=300 + 60)
"""No service keeps what it was told of a key for longer: after that a revocation has nothing left to end."""
MAX_LIFETIME = timedelta(days=3653)
MAX_OVERLAP = timedelta(days=30)

Network = IPv4Network | IPv6Network
_MAPPED = IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDefinition:
    """What is asked of a new key. Without `networks` it may be used from anywhere, without `expires_at` for ever."""

    name: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...] = ()
    expires_at: datetime | None = None


def checked(definition: KeyDefinition, *, now: datetime) -> KeyDefinition:
    """The definition with every part in order, and networks as they are compared. Raises InvalidAPIKeyDefinition."""
    networks = [_network(text) for text in definition.networks]
    faults = list(_faults(definition, networks, now))
    if faults:
        words = "; ".join(f"{pointer[1:]}: {rule}" for pointer, rule in faults)
        raise InvalidAPIKeyDefinition(f"{words}.", faults=faults)
    return KeyDefinition(
        name=definition.name,
        scopes=tuple(sorted(set(definition.scopes))),
        networks=tuple(dict.fromkeys(str(network) for network in networks if network is not None)),
        expires_at=definition.expires_at,
    )


def open_scopes(needed: Mapping[str, str | None], permissions: Sequence[str]) -> frozenset[str]:
    """Which scopes of an audience the holder of these permissions has; `needed` is what each of them asks for."""
    return frozenset(scope for scope, permission in needed.items() if permission is None or permission in permissions)


def client_scopes(
    targets: Mapping[str, Sequence[str] | None], audience: str, needed: Mapping[str, str | None]
) -> frozenset[str]:
    """Which scopes of an audience a client has by its targets; None stands for those that need no permission."""
    if audience not in targets:
        return frozenset()
    held = targets[audience]
    return open_scopes(needed, ()) if held is None else frozenset(held) & needed.keys()


def admits(networks: Sequence[str], address: str | None) -> bool:
    """Whether a key of these networks may be used from an address; none may, where that is not known."""
    if not networks:
        return True
    if address is None:
        return False
    try:
        client = ip_address(address)
    except ValueError:
        return False
    client = getattr(client, "ipv4_mapped", None) or client
    return any(client in ip_network(network) for network in networks)


def _faults(definition: KeyDefinition, networks: Sequence[Network | None], now: datetime) -> Iterator[tuple[str, str]]:
    name = definition.name
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable() or name != name.strip():
        yield "/name", f"one line of 1 to {MAX_NAME_CHARACTERS} printable characters"
    if len(definition.scopes) > MAX_SCOPES:
        yield "/scopes", f"at most {MAX_SCOPES} scopes"
    if len(networks) > MAX_NETWORKS:
        yield "/networks", f"at most {MAX_NETWORKS} networks"
    elif None in networks:
        yield "/networks", "each an IPv4 or IPv6 address or network in CIDR form, such as 203.0.113.0/24"
    expires_at = definition.expires_at
    if expires_at is not None and not now < expires_at <= now + MAX_LIFETIME:
        yield "/expires_at", "a time to come, at most ten years from now"


def _network(text: str) -> Network | None:
    try:
        network = ip_network(text)
    except ValueError:
        return None
    # A client is known by its IPv4 address, however it came: such a network would admit nobody.
    is_mapped = isinstance(network, IPv6Network) and network.subnet_of(_MAPPED)
    has_zone = isinstance(network, IPv6Network) and network.network_address.scope_id is not None
    return None if is_mapped or has_zone else network
