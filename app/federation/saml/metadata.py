"""The metadata of providers: read where they publish it, kept for a while, and read again when a key is unknown."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from app.federation.connector import Refusal, SignInRefused
from app.federation.saml.config import SAMLConfig
from app.federation.saml.service_provider import ServiceProvider
from app.foundation.clock import Clock
from app.foundation.http.egress import TargetRefused
from app.foundation.http.outbound import CallFailed, Failure, Outbound
from app.protocols.saml.certificates import read_certificate
from app.protocols.saml.document import DocumentRefused
from app.protocols.saml.metadata import MAX_BYTES, MetadataRefused, ProviderMetadata, read_metadata

_FRESH = timedelta(hours=1)
_LEAST_FRESH = timedelta(minutes=5)
# A provider whose metadata cannot be had right now still signs people in by what was read before.
_USABLE = timedelta(days=1)
# A key that nobody knows may be new, or made up: looked for at most this often.
_RENEWED_EVERY = timedelta(seconds=60)
_MAX_KEPT = 1024
_HOSTS_OF_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    metadata: ProviderMetadata
    read_at: datetime
    fresh_until: datetime


class MetadataCache:
    """What providers say of themselves, in this process."""

    def __init__(self, outbound: Outbound, clock: Clock, *, in_settings: Outbound | None = None) -> None:
        self._outbound = outbound
        # A host that the settings of this service name may be private.
        self._in_settings = in_settings or outbound
        self._clock = clock
        self._kept: dict[tuple[str, int], _Kept] = {}
        self._tried: dict[tuple[str, int], datetime] = {}
        self._turns: dict[tuple[str, int], asyncio.Lock] = {}

    async def of(self, provider: ServiceProvider) -> ProviderMetadata:
        """A connection's metadata. Raises SignInRefused where it cannot be had, or cannot be used."""
        key, now = _key_of(provider), self._clock.now()
        kept = self._kept.get(key)
        if kept is not None and now < kept.fresh_until:
            return _still_valid(kept, now)
        async with self._turn(key):
            kept = self._kept.get(key)
            if kept is not None and now < kept.fresh_until:
                return _still_valid(kept, now)
            # Where it could not be had a moment ago, whoever comes next shall not wait for it too.
            if kept is not None and not self._may_try(key, now) and now < kept.read_at + _USABLE:
                return _still_valid(kept, now)
            try:
                return await self._read(key, provider, now)
            except SignInRefused:
                if kept is None or now >= kept.read_at + _USABLE:
                    raise
                return _still_valid(kept, now)

    async def renewed(self, provider: ServiceProvider) -> ProviderMetadata | None:
        """The metadata as it is now, for a key that is unknown; None where it was looked at a moment ago."""
        key, now = _key_of(provider), self._clock.now()
        async with self._turn(key):
            kept = self._kept.get(key)
            read_lately = kept is not None and now < kept.read_at + _RENEWED_EVERY
            if provider.config.metadata_url is None or read_lately or not self._may_try(key, now):
                return None
            try:
                return await self._read(key, provider, now)
            except SignInRefused:
                return None

    async def read_now(self, provider: ServiceProvider) -> ProviderMetadata:
        """The metadata as it is at this moment, kept nowhere. Raises SignInRefused."""
        config = provider.config
        return await self._parse(await self._content(provider), config, self._clock.now())

    async def _read(self, key: tuple[str, int], provider: ServiceProvider, now: datetime) -> ProviderMetadata:
        config = provider.config
        self._tried[key] = now
        metadata = await self._parse(await self._content(provider), config, now)
        fresh = min(max(metadata.cache_duration or _FRESH, _LEAST_FRESH), _USABLE)
        # Metadata inside our own settings changes by a change of them alone.
        fresh_until = now + (_USABLE if config.metadata_url is None else fresh)
        if len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
            self._tried.clear()
        self._kept = {each: kept for each, kept in self._kept.items() if each[0] != key[0]}
        self._kept[key] = _Kept(metadata=metadata, read_at=now, fresh_until=fresh_until)
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

    def _may_try(self, key: tuple[str, int], now: datetime) -> bool:
        tried = self._tried.get(key)
        return tried is None or now >= tried + _RENEWED_EVERY

    def _turn(self, key: tuple[str, int]) -> asyncio.Lock:
        if len(self._turns) >= _MAX_KEPT:
            self._turns = {each: turn for each, turn in self._turns.items() if turn.locked()}
        return self._turns.setdefault(key, asyncio.Lock())


def _key_of(provider: ServiceProvider) -> tuple[str, int]:
    return provider.connection.id, provider.connection.version


def _still_valid(kept: _Kept, now: datetime) -> ProviderMetadata:
    valid_until = kept.metadata.valid_until
    if valid_until is not None and valid_until <= now:
        raise SignInRefused(Refusal.BROKEN, "the provider's metadata is over (validUntil), and no newer could be had")
    return kept.metadata


def _require_safe_addresses(metadata: ProviderMetadata, config: SAMLConfig) -> None:
    """Browsers are sent by https alone; by http to this machine, or to where the metadata itself came from so."""
    source = urlsplit(config.metadata_url or "")
    plain = _HOSTS_OF_THIS_MACHINE | ({source.hostname} if source.scheme == "http" and source.hostname else set())
    for addresses in (metadata.sign_in, metadata.sign_out, metadata.sign_out_answers):
        for address in addresses.values():
            parts = urlsplit(address)
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in plain):
                raise SignInRefused(Refusal.BROKEN, "the provider's metadata names an address that is not https")
