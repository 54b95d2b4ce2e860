"""Metadata: read from where a provider publishes it, believed within bounds, and followed when its keys change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from app.federation.connector import Asked, Refusal, SignInRefused
from app.federation.saml.config import read_config
from app.protocols.saml.document import DocumentRefused
from app.protocols.saml.metadata import MetadataRefused, read_metadata
from app.protocols.saml.moments import write_moment
from app.protocols.saml.names import MD, tag
from app.protocols.saml.requests import ISSUER as ISSUER_TAG
from app.protocols.trace import Trace
from tests.conftest import settings_for
from tests.federation.saml.idp import ENTITY_ID, SIGN_IN, Keys, metadata, sign
from tests.federation.saml.test_connector import KEPT, STATE, answer, said

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Publisher:
    """Says over HTTP whatever it is told to, and counts how often."""

    def __init__(self, content: bytes) -> None:
        self.content, self.status, self.asked = content, 200, 0
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Publisher"]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.content)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + self.content)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        self.url = f"http://localhost:{server.sockets[0].getsockname()[1]}/metadata"
        async with server:
            yield self


@pytest.fixture
def settings(database_url, engines):
    return settings_for(database_url, engines, http={"allow_private": ("localhost",)})


@pytest.fixture
async def publisher(keys):
    async with Publisher(metadata(keys)).serving() as publisher:
        yield publisher


async def test_metadata_is_asked_for_once_and_used_for_many(saml, connected, publisher):
    connection = connected(metadata_url=publisher.url)
    left = await asyncio.gather(*(saml.connector.begin(connection, Asked(state=STATE)) for _ in range(8)))
    assert {each.url.partition("?")[0] for each in left} == {SIGN_IN}
    assert publisher.asked == 1


@pytest.mark.spec("SAML 2.0 Metadata §2.4.1.1")
async def test_a_new_key_is_found_when_it_first_signs_and_made_up_ones_are_not_chased(
    services, saml, connected, publisher, keys, attacker
):
    connection, newer = connected(metadata_url=publisher.url), Keys.rsa()
    assert await saml.connector.complete(connection, KEPT, answer(said(services), keys), Trace())
    publisher.content = metadata(keys, newer)
    services.clock.offset += timedelta(seconds=61)
    assert await saml.connector.complete(connection, KEPT, answer(said(services), newer), Trace())
    assert publisher.asked == 2
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await saml.connector.complete(connection, KEPT, answer(said(services), attacker), Trace())
    assert publisher.asked == 2


async def test_a_key_that_is_no_longer_published_signs_nobody_in(services, saml, connected, publisher, keys):
    connection = connected(metadata_url=publisher.url)
    await saml.connector.begin(connection, Asked(state=STATE))
    publisher.content = metadata(Keys.rsa())
    services.clock.offset += timedelta(hours=1, seconds=1)
    with pytest.raises(SignInRefused) as refused:
        await saml.connector.complete(connection, KEPT, answer(said(services), keys), Trace())
    assert refused.value.refusal is Refusal.FORGED


async def test_a_provider_whose_metadata_is_away_still_signs_in_for_a_day(services, saml, connected, publisher, keys):
    connection = connected(metadata_url=publisher.url)
    await saml.connector.begin(connection, Asked(state=STATE))
    publisher.status = 503
    services.clock.offset += timedelta(hours=2)
    for _ in range(3):
        assert await saml.connector.complete(connection, KEPT, answer(said(services), keys), Trace())
    assert publisher.asked == 2
    services.clock.offset += timedelta(days=1)
    with pytest.raises(SignInRefused) as refused:
        await saml.connector.begin(connection, Asked(state=STATE))
    assert refused.value.refusal is Refusal.UNREACHABLE


@pytest.mark.spec("SAML 2.0 Metadata §2.3.2")
async def test_metadata_past_its_end_counts_no_more(services, saml, connected, publisher, keys):
    publisher.content = metadata(keys, validUntil=write_moment(services.clock.now() + timedelta(minutes=3)))
    connection = connected(metadata_url=publisher.url)
    await saml.connector.begin(connection, Asked(state=STATE))
    services.clock.offset += timedelta(minutes=4)
    with pytest.raises(SignInRefused, match="validUntil"):
        await saml.connector.begin(connection, Asked(state=STATE))


@pytest.mark.parametrize(
    "content", [b"<html></html>", b"no xml", b"<!DOCTYPE x><x/>", b"x" * 5_000_000, b"<a>" * 5000 + b"</a>" * 5000]
)
async def test_what_is_no_metadata_is_told_in_words(saml, connected, publisher, content):
    publisher.content = content
    connection = connected(metadata_url=publisher.url)
    trace = await saml.connector.test(connection)
    assert (trace.failed.name, bool(trace.failed.received)) == ("metadata", True)


async def test_a_private_address_that_is_not_allowed_is_not_asked(saml, connected):
    connection = connected(metadata_url="http://169.254.169.254/latest/meta-data")
    with pytest.raises(SignInRefused) as refused:
        await saml.connector.begin(connection, Asked(state=STATE))
    assert refused.value.refusal is Refusal.BROKEN


async def test_a_connection_that_is_right_is_told_so(saml, connected, publisher):
    trace = await saml.connector.test(connected(metadata_url=publisher.url))
    assert trace.failed is None
    assert ("metadata", ENTITY_ID) in [(check.name, check.received) for check in trace.checks]


async def test_addresses_by_http_are_refused(saml, connected, keys):
    plain = metadata(keys).replace(b"https://idp.example.org/sso", b"http://idp.example.org/sso")
    with pytest.raises(SignInRefused, match="https"):
        await saml.connector.begin(connected(metadata_xml=plain.decode()), Asked(state=STATE))


async def test_whoever_publishes_metadata_cannot_become_another_provider(
    services, saml, connected, publisher, attacker
):
    """Identities are known by the provider's name, and that is the operator's to say."""
    victim, own = ENTITY_ID, "https://other.example/idp"
    publisher.content = metadata(attacker, entity_id=victim)
    connection = connected(metadata_url=publisher.url, entity_id=own)
    with pytest.raises(SignInRefused, match="entity_id"):
        await saml.connector.complete(connection, KEPT, answer(said(services), attacker), Trace())


def collection(*entities: bytes) -> etree._Element:
    root = etree.Element(tag("md:EntitiesDescriptor"), attrib={"ID": "_all"}, nsmap={"md": MD})
    for entity in entities:
        root.append(etree.fromstring(entity))
    return root


@pytest.mark.spec("SAML 2.0 Metadata §2.3.1")
def test_of_many_providers_one_is_named(keys, attacker):
    content = etree.tostring(collection(metadata(attacker, entity_id="https://other.example"), metadata(keys)))
    found = read_metadata(content, entity_id=ENTITY_ID, now=NOW)
    assert found.certificates == (keys.certificate,)
    for wrong in (None, "https://nobody.example"):
        with pytest.raises(MetadataRefused):
            read_metadata(content, entity_id=wrong, now=NOW)


@pytest.mark.spec("SAML 2.0 Metadata §3")
def test_signed_metadata_is_read_only_as_it_was_signed(keys, attacker):
    def made(signer: Keys) -> etree._Element:
        root = collection(metadata(keys))
        # The signature stands behind a child; an issuer is only borrowed for the place.
        place = etree.Element(ISSUER_TAG)
        root.insert(0, place)
        return sign(root, signer)

    right = etree.tostring(made(keys))
    assert read_metadata(right, entity_id=ENTITY_ID, now=NOW, signer=keys.certificate)
    changed = right.replace(b"idp.example.org/sso", b"idp.example.xxx/sso")
    for wrong in (changed, etree.tostring(made(attacker)), etree.tostring(collection(metadata(keys)))):
        with pytest.raises(MetadataRefused, match="metadata_certificate"):
            read_metadata(wrong, entity_id=ENTITY_ID, now=NOW, signer=keys.certificate)


@pytest.mark.parametrize("bits", [1024])
def test_keys_that_are_too_weak_are_left_out_and_said_so(keys, bits):
    weak = Keys.rsa(bits)
    assert read_metadata(metadata(weak, keys), entity_id=None, now=NOW).certificates == (keys.certificate,)
    with pytest.raises(MetadataRefused, match="1024 bits"):
        read_metadata(metadata(weak), entity_id=None, now=NOW)


def test_people_may_comment_their_metadata(keys):
    assert read_metadata(b"<!-- ours -->\n" + metadata(keys), entity_id=None, now=NOW).entity_id == ENTITY_ID
    with pytest.raises(DocumentRefused):
        read_metadata(b"<!-- <!DOCTYPE x> --><!DOCTYPE x>" + metadata(keys), entity_id=None, now=NOW)


def test_a_certificate_may_come_as_a_pem(keys):
    pem = keys.certificate.public_bytes(Encoding.PEM).decode()
    config = read_config({"metadata_url": "https://idp.example/m", "entity_id": ENTITY_ID, "metadata_certificate": pem})
    assert config.metadata_certificate == pem.strip()
