"""Checks what a developer writes, and says what is wrong with it and how it should look."""

import os
from collections.abc import Iterable
from urllib.parse import urlsplit

from auth_service_sdk.feed_clock import MAX_STALENESS_SECONDS
from auth_service_sdk.verifier import MAX_LEEWAY_SECONDS

MIN_STALENESS_SECONDS = 1.0
"""News come each second: less would be stale between any two."""
DEFAULT_STALENESS_SECONDS = 10


def service_url(auth_base_url: str | None) -> str:
    """Return the base URL without a trailing slash. Raises ValueError for what is no plain http or https URL."""
    example = "for example auth_base_url='https://auth.example.com'"
    if auth_base_url is None:
        raise ValueError(f"auth_base_url is missing: the address of the authentication service, {example}")
    try:
        parts = urlsplit(auth_base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or "@" in parts.netloc or not _is_printable(auth_base_url):
        raise ValueError(f"auth_base_url must be an absolute http or https URL, {example}, got {auth_base_url!r}")
    return auth_base_url.rstrip("/")


def audiences(expected_audience: str | Iterable[str]) -> list[str]:
    """Return the accepted audiences in the order given. Raises ValueError when there is none or one is unusable."""
    names = [expected_audience] if isinstance(expected_audience, str) else list(expected_audience)
    if not names or not all(isinstance(name, str) and name and _is_printable(name) for name in names):
        raise ValueError(f"expected_audience must name an audience such as 'orders-api', got {expected_audience!r}")
    return names


def issuer_name(issuer: str | None, *, default: str) -> str:
    """Return what `iss` must equal. Raises ValueError for what no token can carry."""
    if issuer is not None and not (issuer and _is_printable(issuer)):
        raise ValueError(f"issuer must be the exact `iss` of the tokens, for example {default!r}, got {issuer!r}")
    return default if issuer is None else issuer


def leeway_seconds(leeway: int) -> int:
    """Return the leeway. Raises ValueError beyond MAX_LEEWAY_SECONDS: a longer one revives expired tokens."""
    if type(leeway) is not int or not 0 <= leeway <= MAX_LEEWAY_SECONDS:
        raise ValueError(f"leeway must be 0 to {MAX_LEEWAY_SECONDS} seconds, got {leeway!r}")
    return leeway


def staleness_seconds(staleness: float) -> float:
    """Return how old news of revocations may be. Raises ValueError for what is no number of seconds in bounds."""
    sound = type(staleness) in (int, float) and MIN_STALENESS_SECONDS <= staleness <= MAX_STALENESS_SECONDS
    if not sound:
        bounds = f"{MIN_STALENESS_SECONDS:g} to {MAX_STALENESS_SECONDS:g}"
        raise ValueError(f"staleness must be {bounds} seconds, got {staleness!r}")
    return float(staleness)


def credentials(client_id: str | None, client_secret: str | None) -> tuple[str, str] | None:
    """Return the client's id and secret, given here or by AUTH_CLIENT_ID and AUTH_CLIENT_SECRET; None without both.

    Raises ValueError when one comes without the other.
    """
    name = client_id or os.environ.get("AUTH_CLIENT_ID")
    secret = client_secret or os.environ.get("AUTH_CLIENT_SECRET")
    if name and secret:
        return name, secret
    if name or secret:
        missing = "client_secret (or AUTH_CLIENT_SECRET)" if name else "client_id (or AUTH_CLIENT_ID)"
        raise ValueError(f"client credentials come in pairs: {missing} is missing")
    return None


def _is_printable(text: str) -> bool:
    return text.isascii() and text.isprintable()
