"""Single logout: what a provider says of the end of a session, and what we say of it. Spec: SAML 2.0 Profiles §4.4.

A message without the provider's signature changes nothing, whichever way it comes.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from lxml import etree

from app.federation.connector import Connection, Departure, Refusal, SignInRefused, UpstreamLogout
from app.federation.saml.basis import SAMLBasis
from app.federation.saml.sending import REQUEST, RESPONSE, Way, departure, way
from app.federation.saml.service_provider import ServiceProvider
from app.foundation.secrets import random_id
from app.protocols.saml.document import MAX_BYTES, DocumentRefused, read_document
from app.protocols.saml.logout import (
    LOGOUT_REQUEST,
    LOGOUT_RESPONSE,
    ON_ITS_WAY,
    REFUSALS,
    LogoutAsked,
    LogoutExpected,
    check_logout_shape,
    judge_logout_request,
    judge_logout_response,
)
from app.protocols.saml.metadata import ProviderMetadata
from app.protocols.saml.names import SUCCESS
from app.protocols.saml.redirect import MAX_RELAY_STATE_BYTES, read_query, require_signed
from app.protocols.saml.refusal import Judging, ResponseRefused
from app.protocols.saml.requests import Head, logout_request, logout_response
from app.protocols.saml.signature import SignatureRefused, verified
from app.protocols.saml.status import Status
from app.protocols.trace import Trace

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message as a browser brought it: the query as it stands in the address, or the field of a form."""

    query: str | None = None
    field: str | None = None
    relay_state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut:
    """A provider's request that counts: the sessions that are over, and what its answer needs."""

    request_id: str
    sessions: tuple[UpstreamLogout, ...]
    relay_state: str | None


class SAMLLogout:
    """Ends sessions here when a provider says so, and there when somebody signs out here."""

    def __init__(self, basis: SAMLBasis) -> None:
        self._clock = basis.clock
        self._metadata = basis.metadata
        self._keys = basis.keys
        self._threads = basis.threads
        self._seen = basis.seen
        self._sessions = basis.sessions
        self._public_url = basis.public_url

    async def receive(self, connection: Connection, incoming: Incoming, trace: Trace) -> SignedOut:
        """Which sessions a provider's request ends. It counts once. Raises SignInRefused; then none is ended."""
        provider = ServiceProvider.of(self._public_url, connection)
        metadata = await self._metadata.of(provider)
        expected, now = _expected(provider, metadata), self._clock.now()

        def judge() -> LogoutAsked:
            element = _signed_element(incoming, REQUEST, LOGOUT_REQUEST, metadata)
            return judge_logout_request(element, expected, Judging(trace), now)

        asked = await self._judged(judge, trace)
        is_first = await self._seen.claim(metadata.entity_id, asked.id, until=asked.remembered_until)
        if not trace.check("first use", is_first, expected="not used yet", received=None if is_first else "used"):
            raise SignInRefused(Refusal.FORGED, "this request was used before")
        named = await self._sessions.named(metadata.entity_id, asked.name_id, asked.sessions)
        issuer, at = metadata.entity_id, asked.issued_at
        over = [UpstreamLogout(issuer=issuer, subject=None, session=each, issued_at=at) for each in named]
        return SignedOut(request_id=asked.id, sessions=tuple(over), relay_state=_bounded(incoming.relay_state))

    async def answer(self, connection: Connection, done: SignedOut) -> Departure | None:
        """Where the browser goes with our answer; None where the provider wants none."""
        provider = ServiceProvider.of(self._public_url, connection)
        metadata = await self._metadata.of(provider)
        locations = {**metadata.sign_out, **metadata.sign_out_answers}
        if not locations:
            return None
        chosen = way(locations, wanted=None, name=RESPONSE, relay_state=done.relay_state)
        message = logout_response(
            self._head(provider, chosen, f"_{random_id()}"), in_response_to=done.request_id, status=SUCCESS
        )
        return await self._signed(message, chosen)

    async def begin(self, connection: Connection, session: str, state: str) -> Departure | None:
        """Where the browser goes so that a session there ends too; None where the provider does not take part.

        `state` comes back. Raises SignInRefused where its metadata cannot be had.
        """
        provider = ServiceProvider.of(self._public_url, connection)
        metadata, known = await self._metadata.of(provider), await self._sessions.find(session)
        if known is None or not metadata.sign_out:
            return None
        name, index = known
        chosen = way(metadata.sign_out, wanted=None, name=REQUEST, relay_state=state)
        request = logout_request(
            self._head(provider, chosen, f"_{state}"),
            name,
            sessions=[] if index is None else [index],
            ends_at=self._clock.now() + ON_ITS_WAY,
        )
        return await self._signed(request, chosen)

    async def place(self, connection: Connection) -> str | None:
        """Where `begin` would send a browser; None where the provider takes no part, or cannot be asked now."""
        try:
            metadata = await self._metadata.of(ServiceProvider.of(self._public_url, connection))
            return way(metadata.sign_out, wanted=None, name=REQUEST, relay_state=None).url
        except SignInRefused:
            return None

    async def finish(self, connection: Connection, incoming: Incoming, trace: Trace) -> Status:
        """What became of a request of ours. Nothing here depends on it. Raises SignInRefused."""
        provider = ServiceProvider.of(self._public_url, connection)
        metadata = await self._metadata.of(provider)
        expected, now = _expected(provider, metadata), self._clock.now()
        asked = [f"_{incoming.relay_state or ''}"]

        def judge() -> Status:
            element = _signed_element(incoming, RESPONSE, LOGOUT_RESPONSE, metadata)
            return judge_logout_response(element, expected, Judging(trace), now, request_ids=asked)

        return await self._judged(judge, trace)

    async def _judged(self, judge: Callable[[], Result], trace: Trace) -> Result:
        try:
            return await self._threads.run(judge)
        except ResponseRefused as error:
            raise SignInRefused(Refusal(error.fault.value), str(error)) from None
        except REFUSALS as error:
            name = error.check if isinstance(error, SignatureRefused) else "message"
            trace.check(name, passed=False, received=str(error))
            raise SignInRefused(Refusal.FORGED, str(error)) from None

    async def _signed(self, message: etree._Element, chosen: Way) -> Departure:
        key = (await self._keys.current()).active
        return await self._threads.run(partial(departure, message, chosen, key))

    def _head(self, provider: ServiceProvider, chosen: Way, message_id: str) -> Head:
        return Head(id=message_id, issuer=provider.entity_id, destination=chosen.url, now=self._clock.now())


def _expected(provider: ServiceProvider, metadata: ProviderMetadata) -> LogoutExpected:
    return LogoutExpected(issuer=metadata.entity_id, destination=provider.logout_url, skew=provider.skew)


def _signed_element(incoming: Incoming, name: str, wanted: str, metadata: ProviderMetadata) -> etree._Element:
    """The message as the provider signed it: beside it in an address, inside it in a form. Raises as `REFUSALS`."""
    if incoming.query is not None:
        message = read_query(incoming.query, name)
        require_signed(message, metadata.certificates)
        root = read_document(message.content)
        check_logout_shape(root, wanted)
        return root
    root = read_document(_decoded(incoming.field or ""))
    check_logout_shape(root, wanted)
    return verified(root, metadata.certificates)


def _decoded(field: str) -> bytes:
    try:
        content = base64.b64decode("".join(field.split()), validate=True)
    except (binascii.Error, ValueError):
        raise DocumentRefused("the message is no base64") from None
    if len(content) > MAX_BYTES:
        raise DocumentRefused(f"the document is longer than {MAX_BYTES} bytes")
    return content


def _bounded(relay_state: str | None) -> str | None:
    """What goes back as it came, if it is as short as the specification has it. Spec: Bindings §3.4.3."""
    if relay_state is None or len(relay_state.encode("utf-8", "replace")) > MAX_RELAY_STATE_BYTES:
        return None
    return relay_state
