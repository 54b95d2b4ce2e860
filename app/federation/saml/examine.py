"""Looking at a connection before anybody signs in by it: each fault in words."""

from datetime import datetime, timedelta

from app.federation.connector import SignInRefused
from app.federation.saml.keys import OwnKeys
from app.federation.saml.metadata import MetadataCache
from app.federation.saml.sending import REQUEST, way
from app.federation.saml.service_provider import ServiceProvider
from app.foundation.encryption import DecryptionFailed
from app.protocols.saml.certificates import is_past
from app.protocols.saml.metadata import ProviderMetadata
from app.protocols.saml.moments import write_moment
from app.protocols.trace import Trace

_SOON = timedelta(days=14)


async def examine(provider: ServiceProvider, cache: MetadataCache, keys: OwnKeys, *, now: datetime) -> Trace:
    """Every check that can be made without a person. None of them asks the provider for more than its metadata."""
    trace = Trace()
    try:
        own = await keys.current()
    except DecryptionFailed as error:
        trace.check("our key", passed=False, expected="a key that ENCRYPTION__KEYS opens", received=str(error))
        return trace
    trace.check("our key", passed=True, expected="a key pair", received=f"{len(own.opening)} of ours")
    try:
        metadata = await cache.read_now(provider)
    except SignInRefused as error:
        trace.check("metadata", passed=False, expected="a SAML identity provider's metadata", received=str(error))
        return trace
    trace.check("metadata", passed=True, expected="an identity provider", received=metadata.entity_id)
    _examine_binding(provider, metadata, trace)
    _examine_keys(metadata, trace, now)
    _examine_validity(metadata, trace, now)
    _examine_names(provider, metadata, trace)
    return trace


def _examine_binding(provider: ServiceProvider, metadata: ProviderMetadata, trace: Trace) -> None:
    wanted = provider.config.binding
    try:
        chosen = way(metadata.sign_in, wanted=wanted, name=REQUEST, relay_state=None)
    except SignInRefused as error:
        trace.check("address to sign in at", passed=False, expected=f"one by {wanted}", received=str(error))
        return
    trace.check("address to sign in at", passed=True, expected=f"one by {wanted or 'any binding'}", received=chosen.url)


def _examine_keys(metadata: ProviderMetadata, trace: Trace, now: datetime) -> None:
    current = [each for each in metadata.certificates if not is_past(each, now)]
    received = f"{len(metadata.certificates)} usable, {len(metadata.certificates) - len(current)} past their date"
    if metadata.unusable:
        received += f"; left out: {'; '.join(metadata.unusable[:3])}"
    # A certificate past its date still verifies: what counts is that the provider publishes it.
    trace.check("keys of the provider", passed=True, expected="RSA of 2048 bits or more, or ECDSA", received=received)


def _examine_validity(metadata: ProviderMetadata, trace: Trace, now: datetime) -> None:
    until = metadata.valid_until
    received = "no end" if until is None else write_moment(until)
    words = f"after {write_moment(now + _SOON)}, or metadata that is published anew before"
    trace.check("metadata: valid until", until is None or until > now, expected=words, received=received)


def _examine_names(provider: ServiceProvider, metadata: ProviderMetadata, trace: Trace) -> None:
    wanted, offered = provider.name_id_format, metadata.name_id_formats
    fits = wanted is None or not offered or wanted in offered
    trace.check("name_id_format", fits, expected=wanted or "any", received=", ".join(offered) or "any")
