"""Judges where a request of ours may go, and finds the addresses it may connect to."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

import httpx2

from app.foundation.http.addresses import IPAddress, IPNetwork, is_public, literal, may_be_opened_by_name, plain

Resolver = Callable[[str], Awaitable[Sequence[IPAddress]]]
"""The addresses of a name, in order of preference. Raises OSError when it has none."""

MAX_URL_CHARACTERS = 2048
_LOWEST_FREE_PORT = 1024
# A name that answers slowly must not hold a thread that others wait for.
_RESOLVING_THREADS = 32
_RESOLVE_SECONDS = 4.0
_MAX_ADDRESSES = 8
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")


class TargetRefused(Exception):
    """The rules of egress forbid this target. The message says why, in words that the owner of the URL may read."""


class Unresolved(Exception):
    """A name has no address at the moment."""


class Egress:
    """The rules. `allowed` opens what is not public: hosts by name (lower case) and networks, from HTTP__ALLOW_PRIVATE.

    A host's name opens private and loopback addresses; link-local ones and metadata services open by network alone.
    """

    def __init__(
        self,
        *,
        hosts: frozenset[str] = frozenset(),
        networks: Sequence[IPNetwork] = (),
        resolver: Resolver | None = None,
    ) -> None:
        self._hosts = hosts
        self._networks = tuple(networks)
        self._threads: ThreadPoolExecutor | None = None
        self._resolver = resolver or self._resolve_by_system

    def close(self) -> None:
        """Let go of the threads; a look-up that hangs is not waited for."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def examine(self, url: str) -> httpx2.URL:
        """Check how a URL is written, without looking anything up. Raises TargetRefused."""
        if len(url) > MAX_URL_CHARACTERS or re.fullmatch(r"[!-~]+", url) is None or "\\" in url:
            raise TargetRefused(f"a URL is at most {MAX_URL_CHARACTERS} visible ASCII characters without backslashes")
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL:
            raise TargetRefused("this is no URL") from None
        if parsed.scheme not in ("https", "http") or not parsed.host:
            raise TargetRefused("a URL begins with https:// and names a host")
        if parsed.userinfo or "@" in url.split("/")[2]:
            raise TargetRefused("a URL carries no user and no password")
        if parsed.fragment or "#" in url:
            raise TargetRefused("a URL that is called has no fragment")
        address = self._literal(_host_of(parsed))
        if address is not None:
            self._judge(_host_of(parsed), [address], secure=parsed.scheme == "https", port=parsed.port)
        return parsed

    async def check(self, url: str) -> None:
        """Check a URL before it is kept: how it is written and where it leads now. Raises TargetRefused.

        A name without an address passes: every sending looks it up again.
        """
        parsed = self.examine(url)
        try:
            await self.addresses(_host_of(parsed), parsed.port, secure=parsed.scheme == "https")
        except Unresolved:
            return

    async def addresses(self, host: str, port: int | None, *, secure: bool) -> Sequence[IPAddress]:
        """The addresses to connect to: looked up once, each of them allowed. Raises TargetRefused, Unresolved."""
        address = self._literal(host)
        found = [address] if address is not None else await self._look_up(host)
        self._judge(host, found, secure=secure, port=port)
        return found

    def _literal(self, host: str) -> IPAddress | None:
        try:
            address = literal(host)
        except ValueError:
            raise TargetRefused("an address is written plainly, as 192.0.2.7 or [2001:db8::7]") from None
        if address is None and _NAME.fullmatch(host) is None:
            raise TargetRefused("a host is a plain name without a dot at its end")
        return address

    async def _look_up(self, host: str) -> Sequence[IPAddress]:
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                found = await self._resolver(host)
        except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
            raise Unresolved(f"{host} has no address at the moment") from error
        if not found:
            raise Unresolved(f"{host} has no address at the moment")
        return found[:_MAX_ADDRESSES]

    def _judge(self, host: str, found: Sequence[IPAddress], *, secure: bool, port: int | None) -> None:
        # All of them: a name that mixes a public address with a private one has no good reason to.
        if all(self._is_open(host, address) for address in found):
            return
        if not all(is_public(address) or self._is_open(host, address) for address in found):
            raise TargetRefused("the host is not on the public internet, and HTTP__ALLOW_PRIVATE does not name it")
        if not secure:
            raise TargetRefused("http is for hosts that HTTP__ALLOW_PRIVATE names; anything else is called by https")
        # So that nobody has us knock at other people's mail servers and the like.
        if port is not None and port != 443 and port < _LOWEST_FREE_PORT:
            raise TargetRefused(f"the port is 443, or {_LOWEST_FREE_PORT} and above")

    def _is_open(self, host: str, address: IPAddress) -> bool:
        if host in self._hosts and not is_public(address) and may_be_opened_by_name(address):
            return True
        return any(plain(address) in network for network in self._networks)

    async def _resolve_by_system(self, host: str) -> Sequence[IPAddress]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_RESOLVING_THREADS, thread_name_prefix="resolve")
        rows = await asyncio.get_running_loop().run_in_executor(self._threads, _getaddrinfo, host)
        return [ip_address(address.partition("%")[0]) for address in rows]


def parse_allowed(text: str) -> str | IPNetwork:
    """One entry of HTTP__ALLOW_PRIVATE: a network, an address, or a host's name. Raises ValueError."""
    entry = text.strip().lower()
    try:
        network = ip_network(entry)
    except ValueError:
        if "/" in entry or _NAME.fullmatch(entry) is None:
            raise ValueError("name a host such as hooks.internal or a network such as 10.1.0.0/16") from None
        try:
            literal(entry)
        except ValueError:
            raise ValueError("an address is written plainly, as 10.1.0.7") from None
        return entry
    if network.prefixlen == 0:
        raise ValueError("to open everything would lead requests of ours to the metadata service of the cloud")
    return network


def _host_of(url: httpx2.URL) -> str:
    return url.raw_host.decode("ascii").lower()


def _getaddrinfo(host: str) -> list[str]:
    return [str(row[4][0]) for row in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
