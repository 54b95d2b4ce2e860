"""What a provider publishes: its metadata, and the keys by which it signs."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from app.federation.connector import Refusal
from app.federation.oidc.faults import ProviderFault
from app.federation.oidc.reach import Named, Reach, json_of
from app.federation.oidc.setup import OIDCSetup
from app.foundation.http.documents import Keeping, Lifetime, RemoteDocuments, max_age
from app.protocols.jose.jwk import UnsuitableKey
from app.protocols.jose.upstream_keys import MAX_KID_CHARACTERS, UpstreamKey, UpstreamKeySet, read_upstream_keys
from app.protocols.oidc.upstream_metadata import MetadataRefused, ProviderMetadata, read_metadata

METADATA = Keeping(lifetime=Lifetime(default=3600.0, least=300.0, most=86_400.0), faults=(ProviderFault,))
KEYS = Keeping(lifetime=Lifetime(default=300.0, least=30.0, most=3600.0), faults=(ProviderFault,))
_MAX_UNKNOWN_KIDS = 1024
_UNKNOWN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _MetadataKey:
    url: str
    issuer: str
    named: Named


@dataclass(frozen=True, slots=True)
class _KeysKey:
    url: str
    named: Named


class Documents:
    """Finds a provider's documents; every sign-in by any connection to it shares them."""

    def __init__(self, reach: Reach, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._reach = reach
        self._monotonic = monotonic
        self._metadata = RemoteDocuments(self._fetch_metadata, METADATA, monotonic=monotonic)
        self._keys = RemoteDocuments(self._fetch_keys, KEYS, monotonic=monotonic)
        self._unknown: dict[tuple[str, str], float] = {}

    async def metadata(self, setup: OIDCSetup, named: Named) -> ProviderMetadata:
        """What the provider publishes of itself. Raises ProviderFault."""
        return await self._metadata.get(_MetadataKey(setup.metadata_url, setup.issuer.name, named))

    async def moved(self, setup: OIDCSetup, named: Named) -> ProviderMetadata:
        """The metadata, read anew because an address in it did not serve. Raises ProviderFault."""
        return await self._metadata.again(_MetadataKey(setup.metadata_url, setup.issuer.name, named))

    async def key_set(self, metadata: ProviderMetadata, named: Named) -> UpstreamKeySet:
        """The provider's keys. Raises ProviderFault."""
        return await self._keys.get(_KeysKey(metadata.jwks_uri, named))

    async def metadata_now(self, setup: OIDCSetup, named: Named) -> ProviderMetadata:
        """The metadata as it is at this moment: for an administrator who tries. Raises ProviderFault."""
        return await self._metadata.asked(_MetadataKey(setup.metadata_url, setup.issuer.name, named))

    async def key_set_now(self, metadata: ProviderMetadata, named: Named) -> UpstreamKeySet:
        """The keys as they are at this moment. Raises ProviderFault."""
        return await self._keys.asked(_KeysKey(metadata.jwks_uri, named))

    async def key(self, metadata: ProviderMetadata, named: Named, kid: str | None, alg: str) -> UpstreamKey | None:
        """The key of a token, asked for anew where it is unknown; None where there is none. Raises ProviderFault."""
        if kid is not None and len(kid) > MAX_KID_CHARACTERS:
            # No key has such a name. Anybody may send a token, and what is missed is remembered by its name.
            return None
        where = _KeysKey(metadata.jwks_uri, named)
        key = (await self._keys.get(where)).named(kid, alg)
        if key is not None or self._was_missed(where.url, kid):
            return key
        key = (await self._keys.again(where)).named(kid, alg)
        if key is None:
            self._miss(where.url, kid)
        return key

    def _was_missed(self, url: str, kid: str | None) -> bool:
        missed_at = self._unknown.get((url, kid or ""))
        return missed_at is not None and self._monotonic() - missed_at < _UNKNOWN_SECONDS

    def _miss(self, url: str, kid: str | None) -> None:
        if len(self._unknown) >= _MAX_UNKNOWN_KIDS:
            self._unknown.clear()
        self._unknown[(url, kid or "")] = self._monotonic()

    async def _fetch_metadata(self, key: _MetadataKey) -> tuple[ProviderMetadata, float | None]:
        answer = await self._reach.send("GET", key.url, key.named, purpose="oidc_discovery")
        document = json_of(answer, key.url)
        try:
            metadata = read_metadata(document, issuer=key.issuer, metadata_url=key.url)
        except MetadataRefused as error:
            raise ProviderFault(Refusal.BROKEN, f"{key.url}: {error}") from error
        return metadata, max_age(answer.headers)

    async def _fetch_keys(self, key: _KeysKey) -> tuple[UpstreamKeySet, float | None]:
        answer = await self._reach.send("GET", key.url, key.named, purpose="oidc_jwks")
        try:
            return read_upstream_keys(json_of(answer, key.url)), max_age(answer.headers)
        except UnsuitableKey as error:
            raise ProviderFault(Refusal.BROKEN, f"{key.url} {error}") from error
