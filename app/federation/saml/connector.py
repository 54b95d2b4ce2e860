"""The connector of kind `saml`: where the browser goes, and what is believed of what it brings back."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from app.federation.connector import (
    Asked,
    Connection,
    ConnectorKind,
    Departure,
    FederatedIdentity,
    Refusal,
    SignInRefused,
)
from app.federation.saml.basis import SAMLBasis
from app.federation.saml.config import read_config
from app.federation.saml.examine import examine
from app.federation.saml.identity import identity_of
from app.federation.saml.sending import REQUEST, RESPONSE, departure, way
from app.federation.saml.service_provider import ServiceProvider
from app.protocols.saml.conditions import Accepted, Believed
from app.protocols.saml.document import MAX_BYTES, write_document
from app.protocols.saml.metadata import ProviderMetadata, own_metadata
from app.protocols.saml.refusal import ResponseRefused
from app.protocols.saml.requests import Head, authn_request
from app.protocols.saml.response import Expected, Signed, judge_response
from app.protocols.trace import Trace


def request_id_of(state: str) -> str:
    """The id of the request of a flow: an NCName that its provider sends back in what it signs."""
    return f"_{state}"


class SAMLConnector:
    """Speaks the Web Browser SSO profile as a service provider. Spec: SAML 2.0 Profiles §4.1."""

    kinds: Sequence[ConnectorKind] = (ConnectorKind.SAML,)

    def __init__(self, basis: SAMLBasis) -> None:
        self._clock = basis.clock
        self._metadata = basis.metadata
        self._keys = basis.keys
        self._threads = basis.threads
        self._seen = basis.seen
        self._sessions = basis.sessions
        self._public_url = basis.public_url

    def check(
        self,
        kind: ConnectorKind,  # noqa: ARG002 — the contract's argument
        preset: str | None,  # noqa: ARG002 — the contract's argument
        config: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """The configuration with its defaults filled in. Raises InvalidConfiguration."""
        return read_config(config).as_json()

    async def begin(self, connection: Connection, asked: Asked) -> Departure:
        """Where the browser goes with our request. Raises SignInRefused."""
        provider = ServiceProvider.of(self._public_url, connection)
        config, metadata = provider.config, await self._metadata.of(provider)
        chosen = way(metadata.sign_in, wanted=config.binding, name=REQUEST, relay_state=asked.state)
        request_id = request_id_of(asked.state)
        request = authn_request(
            Head(id=request_id, issuer=provider.entity_id, destination=chosen.url, now=self._clock.now()),
            acs_url=provider.acs_url,
            name_id_format=provider.name_id_format,
            forces=asked.prompts_again or asked.max_age == 0,
            contexts=config.authn_contexts,
        )
        signs = config.signs_requests or metadata.wants_signed_requests
        key = (await self._keys.current()).active if signs else None
        sent = await self._threads.run(partial(departure, request, chosen, key))
        return replace(sent, kept={"request_id": request_id})

    async def complete(
        self, connection: Connection, kept: Mapping[str, Any], answer: Mapping[str, str], trace: Trace
    ) -> FederatedIdentity:
        """Judge a response; without a `request_id` in `kept` it is one that nobody asked for. Raises SignInRefused.

        It counts once: whoever brings it again, to whichever process, is refused.
        """
        provider = ServiceProvider.of(self._public_url, connection)
        content = _decoded(answer, trace)
        accepted = await self._judged(provider, kept.get("request_id"), content, trace)
        identity = identity_of(accepted.assertion, provider)
        issuer, message_id = accepted.assertion.issuer, accepted.assertion.id
        is_first = await self._seen.claim(issuer, message_id, until=accepted.remembered_until)
        if not trace.check("first use", is_first, expected="not used yet", received=None if is_first else "used"):
            raise SignInRefused(Refusal.FORGED, "this response was used before")
        return replace(identity, session=await self._session(accepted))

    async def test(self, connection: Connection) -> Trace:
        """Ask for all that a sign-in would need, and explain each fault in words."""
        provider = ServiceProvider.of(self._public_url, connection)
        return await examine(provider, self._metadata, self._keys, now=self._clock.now())

    async def own_metadata(self, connection: Connection) -> bytes:
        """What the provider is given of us: a document."""
        provider, keys = ServiceProvider.of(self._public_url, connection), await self._keys.current()
        element = own_metadata(
            entity_id=provider.entity_id,
            acs_url=provider.acs_url,
            logout_url=provider.logout_url,
            signing=keys.published,
            encryption=[keys.active.certificate],
            name_id_format=provider.name_id_format,
        )
        return write_document(element)

    async def _session(self, accepted: Accepted) -> str | None:
        name, statement = accepted.assertion.name_id, accepted.assertion.authentication
        if name is None:
            return None
        index = None if statement is None else statement.session
        return await self._sessions.keep(accepted.assertion.issuer, name, index)

    async def _judged(
        self, provider: ServiceProvider, request_id: str | None, content: bytes, trace: Trace
    ) -> Accepted:
        metadata = await self._metadata.of(provider)
        try:
            try:
                return await self._judge(provider, metadata, request_id, content, trace)
            except ResponseRefused:
                # The provider may sign by a key that it has published since.
                failed = trace.failed
                is_unknown_key = failed is not None and failed.name == "signature"
                newer = await self._metadata.renewed(provider, metadata) if is_unknown_key else None
                if newer is None:
                    raise
                return await self._judge(provider, newer, request_id, content, trace)
        except ResponseRefused as error:
            raise SignInRefused(Refusal(error.fault.value), str(error)) from None

    async def _judge(
        self,
        provider: ServiceProvider,
        metadata: ProviderMetadata,
        request_id: str | None,
        content: bytes,
        trace: Trace,
    ) -> Accepted:
        config = provider.config
        expected = Expected(
            certificates=metadata.certificates,
            believed=Believed(
                issuer=metadata.entity_id,
                audience=provider.entity_id,
                acs_url=provider.acs_url,
                request_id=request_id,
                skew=provider.skew,
                allows_unasked=config.allows_idp_initiated,
            ),
            keys=(await self._keys.current()).opening,
            signed=Signed(config.signed),
            requires_encryption=config.requires_encryption,
            allows_cbc=config.allows_cbc,
        )
        return await self._threads.run(partial(judge_response, content, expected, now=self._clock.now(), trace=trace))


def _decoded(answer: Mapping[str, str], trace: Trace) -> bytes:
    """The document that came in the form."""
    text = answer.get(RESPONSE, "")
    try:
        # Providers break the lines.
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    is_there = 0 < len(content) <= MAX_BYTES
    if not trace.check("form", is_there, expected="a SAMLResponse", received=f"{len(text)} characters"):
        raise SignInRefused(Refusal.BROKEN, "the browser brought no SAMLResponse in base64")
    return content
