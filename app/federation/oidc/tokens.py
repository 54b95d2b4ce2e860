"""Verifying what a provider signed: the key that it names, the signature, and then each claim."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.federation.connector import Refusal, SignInRefused
from app.federation.oidc.documents import Documents
from app.federation.oidc.faults import ProviderFault, refuse, require
from app.federation.oidc.reach import Named
from app.federation.oidc.setup import OIDCSetup
from app.protocols.jose.compact import MalformedToken
from app.protocols.jose.upstream_keys import UpstreamKey
from app.protocols.oidc.upstream_metadata import ProviderMetadata
from app.protocols.oidc.upstream_token import (
    TENANT_PLACE,
    SignedToken,
    TokenRefused,
    access_token_hash,
    check_header,
    check_signature,
    read_signed,
)
from app.protocols.trace import Trace

ID_TOKEN_TYPES = frozenset({"jwt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A provider as one sign-in meets it."""

    setup: OIDCSetup
    metadata: ProviderMetadata
    named: Named


class Signatures:
    """Reads signed tokens of providers. What it returns is theirs; whether it is meant for us its caller judges."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def verified(
        self, raw: str, upstream: Upstream, trace: Trace, *, types: frozenset[str], what: str = "id_token"
    ) -> SignedToken:
        """A token whose signature is by a key of the provider's. Raises SignInRefused."""
        try:
            token = read_signed(raw)
        except MalformedToken as error:
            trace.check(f"{what}: form", passed=False, expected="a signed JWT", received=str(error))
            raise SignInRefused(Refusal.FORGED, f"{what}: {error}") from error
        trace.check(f"{what}: form", passed=True, expected="a signed JWT", received="a signed JWT")
        try:
            check_header(token, trace, types=types, what=what)
            key = await self._key(token, upstream, trace, what)
            check_signature(token, key, trace, what=what)
        except TokenRefused as error:
            raise SignInRefused(Refusal.FORGED, str(error)) from error
        self._check_limit(key, token.claims, trace, what)
        return token

    async def _key(self, token: SignedToken, upstream: Upstream, trace: Trace, what: str) -> UpstreamKey:
        named = upstream.named
        metadata = upstream.metadata
        wanted = f"the key {token.kid}" if token.kid is not None else f"the one key for {token.alg}"
        try:
            try:
                key = await self._documents.key(metadata, named, token.kid, token.alg)
            except ProviderFault:
                metadata = await self._documents.moved(upstream.setup, named)
                if metadata.jwks_uri == upstream.metadata.jwks_uri:
                    raise
                key = await self._documents.key(metadata, named, token.kid, token.alg)
            key_set = await self._documents.key_set(metadata, named)
        except ProviderFault as fault:
            raise refuse(trace, f"{what}: key", fault, expected=f"{wanted} at {metadata.jwks_uri}") from fault
        received = f"keys {', '.join(str(known.kid) for known in key_set.keys)}"
        unused = key_set.passed_over.get(token.kid or "")
        if unused is not None:
            received = f"a key that {unused}"
        found = wanted if key is not None else received
        expected = f"{wanted} at {metadata.jwks_uri}"
        require(trace, f"{what}: key", key is not None, refusal=Refusal.FORGED, expected=expected, received=found)
        assert key is not None  # noqa: S101 — required above
        return key

    def _check_limit(self, key: UpstreamKey, claims: Mapping[str, Any], trace: Trace, what: str) -> None:
        """A key that names an issuer signs for that one alone: so Entra keeps its tenants apart."""
        if key.issuer is None:
            return
        limited_to = key.issuer.replace(TENANT_PLACE, str(claims.get("tid")))
        passed = claims.get("iss") == limited_to
        received = str(claims.get("iss"))
        require(
            trace, f"{what}: issuer of the key", passed, refusal=Refusal.FORGED, expected=limited_to, received=received
        )


def check_access_token(token: SignedToken, access_token: str, trace: Trace) -> None:
    """Judge `at_hash` where there is one: the access token came with this ID token. Raises SignInRefused."""
    stated = token.claims.get("at_hash")
    if stated is None:
        return
    expected = access_token_hash(access_token, token.alg)
    require(
        trace,
        "id_token: at_hash",
        stated == expected,
        refusal=Refusal.FORGED,
        expected="the hash of the access token beside it",
        received="that hash" if stated == expected else "another",
    )
