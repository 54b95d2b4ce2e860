"""Where a request came from, in words that its owner knows: the program, the system, the network.

A User-Agent header says what its sender likes. These words help a person to recognise themselves; nothing is decided
by them but whether a mail is sent.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

# The first that fits counts: nearly every browser claims to be those that follow it here.
_PROGRAMS = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"\bOPR/|\bOpera\b")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Firefox", re.compile(r"\bFirefox/|\bFxiOS/")),
    ("Chrome", re.compile(r"\bChrome/|\bCriOS/|\bChromium/")),
    ("Safari", re.compile(r"\bVersion/\S+ .*\bSafari/")),
)
_SYSTEMS = (
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("macOS", re.compile(r"\bMacintosh\b|\bMac OS X\b")),
    ("Linux", re.compile(r"\bLinux\b|\bX11\b")),
)
_PRODUCT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")
_IPV4_PREFIX = 24
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Device:
    """A program and the system under it, without their versions, which change by themselves."""

    program: str
    system: str | None

    @property
    def words(self) -> str:
        """Both as one text, the same in every language: `Firefox (Linux)`."""
        return f"{self.program} ({self.system})" if self.system else self.program


def device_of(user_agent: str | None) -> Device | None:
    """What a User-Agent header says; None where it says nothing readable. Spec: RFC 9110 §10.1.5."""
    text = user_agent or ""
    system = next((name for name, pattern in _SYSTEMS if pattern.search(text)), None)
    program = next((name for name, pattern in _PROGRAMS if pattern.search(text)), None)
    if program is None:
        # A program of another kind names itself first: `curl/8.5.0`, `OrdersApp/3.1 (iPhone)`.
        product = _PRODUCT.match(text.partition("/")[0])
        program = product[0].strip() if product else None
    return None if program is None else Device(program, system)


def network_of(ip: str | None) -> str | None:
    """The network that an address is in: /24, or /64 for IPv6. None for what is no address."""
    try:
        address = ip_address(ip or "")
    except ValueError:
        return None
    prefix = _IPV4_PREFIX if address.version == 4 else _IPV6_PREFIX
    return str(ip_network((address, prefix), strict=False))
