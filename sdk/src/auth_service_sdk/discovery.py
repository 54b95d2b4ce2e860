"""What a foreign issuer publishes about itself: found by discovery, kept while it is down, followed when it moves."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from auth_service_sdk.client import Answer, ServiceConnection, Unreachable, is_answered_in_process
from auth_service_sdk.gate import FOREIGN_ALGORITHMS, shown
from auth_service_sdk.issuers import OIDCIssuer, check_url
from auth_service_sdk.jwks import MAX_JWKS_BYTES, parse_key_set
from auth_service_sdk.keyset import JWKS_PATH, max_age_seconds
from auth_service_sdk.verifier import SigningKey

WELL_KNOWN = "/.well-known/openid-configuration"
IN_PROCESS_INTROSPECTION = "/in-process/introspection"
"""Where the issuer of a test answers about tokens, below the URL of any issuer."""
MAX_METADATA_BYTES = 256 * 1024
DEFAULT_LIFETIME_SECONDS, MIN_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS = 3600.0, 300.0, 86_400.0
"""For how long the document is used, and the bounds within which its max-age is honoured."""
_REFRESH_AHEAD = 0.75
_RETRY_SECONDS = 5.0
"""How long the known addresses serve on after a renewal that failed."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The members of the document that are used. Spec: OpenID Connect Discovery 1.0 §3, RFC 8414 §2."""

    jwks_uri: str
    introspection_endpoint: str | None
    algorithms: tuple[str, ...] = ()


class Discovery:
    """Finds an issuer's addresses and fetches from them: no redirects, bounded in time and size.

    Asked for keys, it first renews a document three quarters of whose life have passed. Where that fails the known
    addresses serve on; where they fail, the next fetch asks for the document again, and so follows a move.
    """

    def __init__(self, issuer: OIDCIssuer, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._monotonic = monotonic
        self._known: Metadata | None = None
        self._renew_at = 0.0
        self._flight: asyncio.Task[Metadata] | None = None
        self._connections: dict[str, ServiceConnection] = {}

    async def key_set(self) -> Answer:
        """Fetch the key set. Raises Unreachable with the words for the log."""
        if is_answered_in_process():
            # The issuer of a test publishes keys alone.
            return await self._get(self._issuer.url.rstrip("/") + JWKS_PATH, MAX_JWKS_BYTES)
        if self._issuer.jwks_uri is not None:
            return await self._get(self._issuer.jwks_uri, MAX_JWKS_BYTES)
        uri = (await self.metadata()).jwks_uri
        try:
            answer = await self._get(uri, MAX_JWKS_BYTES)
        except Unreachable:
            self._renew_at = 0.0
            raise
        if answer.status != 200:
            self._renew_at = 0.0
        return answer

    def read_keys(self, status: int, body: bytes) -> dict[str, SigningKey]:
        """Read a key set by what the issuer says and the developer allows. Raises UnusableKeySet.

        An RSA key may say nothing of its algorithm (Entra's do not). Then it is good for the first of the allowed ones
        that the metadata name, and that one alone.
        """
        rsa = [name for name in self._issuer.allowed_algorithms if name.startswith(("RS", "PS"))]
        named = [] if self._known is None else [name for name in self._known.algorithms if name[:2] in ("RS", "PS")]
        fitting = [name for name in rsa if name in named] if named else rsa
        return parse_key_set(status, body, algorithms=FOREIGN_ALGORITHMS, rsa_algorithm=fitting[0] if fitting else None)

    async def metadata(self) -> Metadata:
        """Return the document, fetched where it is old. Raises Unreachable when there is none to rely on."""
        if self._known is not None and self._monotonic() < self._renew_at:
            return self._known
        flight = self._flight
        if flight is None or flight.done() or flight.get_loop() is not asyncio.get_running_loop():
            flight = self._flight = asyncio.get_running_loop().create_task(self._fetch())
        # Shielded: a caller that hangs up must not take the document away from the others.
        return await asyncio.shield(flight)

    async def _fetch(self) -> Metadata:
        now = self._monotonic()
        try:
            answer = await self._get(self._issuer.url.rstrip("/") + WELL_KNOWN, MAX_METADATA_BYTES)
        except Unreachable:
            if self._known is None:
                raise
            self._renew_at = now + _RETRY_SECONDS
            return self._known
        if answer.status != 200 and self._known is not None:
            self._renew_at = now + _RETRY_SECONDS
            return self._known
        self._known = read_metadata(answer.status, answer.body, self._issuer)
        lifetime = max_age_seconds(
            answer.headers.get("cache-control", ""),
            DEFAULT_LIFETIME_SECONDS,
            MIN_LIFETIME_SECONDS,
            MAX_LIFETIME_SECONDS,
        )
        self._renew_at = now + lifetime * _REFRESH_AHEAD
        return self._known

    async def introspect(self, form: bytes, headers: dict[str, str], max_bytes: int) -> Answer:
        """Post to the introspection endpoint. Raises Unreachable."""
        given = self._issuer.introspection and self._issuer.introspection.endpoint
        if is_answered_in_process():
            given = self._issuer.url.rstrip("/") + IN_PROCESS_INTROSPECTION
        endpoint = given or (await self.metadata()).introspection_endpoint
        if endpoint is None:
            raise Unreachable("the issuer's metadata names no introspection_endpoint; give it as endpoint=")
        connection, path = self._way(endpoint)
        try:
            return await connection.post(path, form, max_bytes=max_bytes, headers=headers)
        except Unreachable:
            self._renew_at = 0.0
            raise

    async def _get(self, url: str, max_bytes: int) -> Answer:
        connection, path = self._way(url)
        path, _, query = path.partition("?")
        return await connection.get(path, max_bytes=max_bytes, headers={"accept": "application/json"}, query=query)

    def _way(self, url: str) -> tuple[ServiceConnection, str]:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        connection = self._connections.get(origin)
        if connection is None:
            if len(self._connections) >= 4:
                # An issuer that moves again and again must not leave a pool behind at each address.
                self._connections.clear()
            connection = self._connections[origin] = ServiceConnection(origin)
        return connection, url[len(origin) :] or "/"


def read_metadata(status: int, body: bytes, issuer: OIDCIssuer) -> Metadata:
    """Read a discovery document. Raises Unreachable for one that is not this issuer's own, or leads where none may.

    Spec: OpenID Connect Discovery 1.0 §4.3.
    """
    document: Any = None
    if status == 200:
        try:
            document = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise Unreachable(f"discovery of {issuer.url}: the answer is not JSON") from None
    if not isinstance(document, dict):
        raise Unreachable(f"discovery of {issuer.url}: the answer has status {status} and is no JSON object")
    if document.get("issuer") != issuer.url:
        raise Unreachable(f"discovery: expected issuer {issuer.url}, the document has {shown(document.get('issuer'))}")
    endpoint = document.get("introspection_endpoint")
    try:
        check_url(
            "jwks_uri", document.get("jwks_uri"), own=False, allow_private=issuer.allow_private, beside=issuer.url
        )
        if endpoint is not None and issuer.introspection is not None:
            # This service's secret goes there.
            check_url(
                "introspection_endpoint", endpoint, own=False, allow_private=issuer.allow_private, beside=issuer.url
            )
    except ValueError as error:
        raise Unreachable(f"discovery of {issuer.url}: {error}") from None
    # Of ID tokens, but nothing is said of access tokens, and providers sign both by the same keys.
    named: Any = document.get("id_token_signing_alg_values_supported")
    algorithms = tuple(name for name in named if isinstance(name, str)) if isinstance(named, list) else ()
    return Metadata(document["jwks_uri"], endpoint if issuer.introspection is not None else None, algorithms)
