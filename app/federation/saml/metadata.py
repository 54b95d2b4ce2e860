"""The metadata of providers: read where they publish it, kept for a while, and read again when a key is unknown."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from app.federation.connector import Refusal, SignInRefused
from app.federation.saml.config import SAMLConfig
from app.federation.saml.service_provider import ServiceProvider
from app.foundation.clock import Clock
from app.foundation.http.documents import Keeping, Lifetime, RemoteDocuments
from app.foundation.http.egress import TargetRefused
from app.foundation.http.outbound import CallFailed, Failure, Outbound
from app.protocols.saml.certificates import read_certificate
from app.protocols.saml.document import DocumentRefused
from app.protocols.saml.metadata import MAX_BYTES, MetadataRefused, ProviderMetadata, read_metadata

_DAY_SECONDS = 86_400.0
# A provider whose metadata cannot be had right now still signs people in by what was read before, for a day. A key that
# nobody knows may be new, or made up: it is looked for once a minute at most.
_KEEPING = Keeping(
    lifetime=Lifetime(default=3600.0, least=300.0, most=_DAY_SECONDS),
    faults=(SignInRefused,),
    hard_limit_seconds=_DAY_SECONDS,
    least_pause_seconds=60.0,
    most_pause_seconds=60.0,
    extra_fetches=1,
    most=1024,
)
_HOSTS_OF_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class _Source:
    """A connection as it is set up at this moment: set up anew, it is another."""

    id: str
    version: int
    provider: ServiceProvider = field(compare=False)

    @classmethod
    def of(cls, provider: ServiceProvider) -> "_Source":
        return cls(provider.connection.id, provider.connection.version, provider)


class MetadataCache:
    """What providers say of themselves, in this process."""

    def __init__(self, outbound: Outbound, clock: Clock, *, in_settings: Outbound | None = None) -> None:
        self._outbound = outbound
        # A host that the settings of this service name may be private.
        self._in_settings = in_settings or outbound
        self._clock = clock
        self._kept = RemoteDocuments(self._read, _KEEPING, monotonic=lambda: clock.now().timestamp())

    async def of(self, provider: ServiceProvider) -> ProviderMetadata:
        """A connection's metadata. Raises SignInRefused where it cannot be had, or cannot be used."""
        return self._valid(await self._kept.get(_Source.of(provider)))

    async def renewed(self, provider: ServiceProvider, known: ProviderMetadata) -> ProviderMetadata | None:
        """Newer metadata than what is `known`, for a key that is not in it; None where there is none.

        Raises SignInRefused where none is left that may be used.
        """
        if provider.config.metadata_url is None:
            return None
        newer = await self._kept.again(_Source.of(provider))
        return None if newer is known else self._valid(newer)

    async def read_now(self, provider: ServiceProvider) -> ProviderMetadata:
        """The metadata as it is at this moment, kept nowhere. Raises SignInRefused."""
        return (await self._read(_Source.of(provider)))[0]

    async def _read(self, source: _Source) -> tuple[ProviderMetadata, float | None]:
        config = source.provider.config
        metadata = await self._parse(await self._content(source.provider), config, self._clock.now())
        if config.metadata_url is None:
            # Metadata inside our own settings changes by a change of them alone.
            return metadata, _DAY_SECONDS
        lasts = metadata.cache_duration
        return metadata, None if lasts is None else lasts.total_seconds()

    def _valid(self, metadata: ProviderMetadata) -> ProviderMetadata:
        if metadata.valid_until is not None and metadata.valid_until <= self._clock.now():
            raise SignInRefused(
                Refusal.BROKEN, "the provider's metadata is over (validUntil), and no newer could be had"
            )
        return metadata

    async def _content(self, provider: ServiceProvider) -> bytes:
        config = provider.config
        if config.metadata_url is None:
            return (config.metadata_xml or "").encode()
        try:
            outbound = self._in_settings if provider.connection.from_settings else self._outbound
            answer = await outbound.send(
                "GET", config.metadata_url, purpose="saml_metadata", max_bytes=MAX_BYTES, headers={"Accept": "*/*"}
            )
        except (CallFailed, TargetRefused) as error:
            is_refused = isinstance(error, TargetRefused) or error.failure is Failure.REFUSED
            refusal = Refusal.BROKEN if is_refused else Refusal.UNREACHABLE
            raise SignInRefused(refusal, f"the provider's metadata could not be had: {error}") from error
        if answer.status != 200:
            words = f"the provider's metadata could not be had: it answered {answer.status}"
            raise SignInRefused(Refusal.UNREACHABLE if answer.status >= 500 else Refusal.BROKEN, words)
        return answer.body

    async def _parse(self, content: bytes, config: SAMLConfig, now: datetime) -> ProviderMetadata:
        signer = None if config.metadata_certificate is None else read_certificate(config.metadata_certificate)
        try:
            metadata = await asyncio.to_thread(
                read_metadata, content, entity_id=config.entity_id, now=now, signer=signer
            )
        except (DocumentRefused, MetadataRefused) as error:
            raise SignInRefused(Refusal.BROKEN, f"the provider's metadata cannot be used: {error}") from None
        _require_safe_addresses(metadata, config)
        return metadata


def _require_safe_addresses(metadata: ProviderMetadata, config: SAMLConfig) -> None:
    """Browsers are sent by https alone; by http to this machine, or to where the metadata itself came from so."""
    source = urlsplit(config.metadata_url or "")
    plain = _HOSTS_OF_THIS_MACHINE | ({source.hostname} if source.scheme == "http" and source.hostname else set())
    for addresses in (metadata.sign_in, metadata.sign_out, metadata.sign_out_answers):
        for address in addresses.values():
            parts = urlsplit(address)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in plain):
                raise SignInRefused(Refusal.BROKEN, "the provider's metadata names an address that is not https")
