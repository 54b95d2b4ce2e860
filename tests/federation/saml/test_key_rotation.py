"""One key pair of ours follows another, by the admin API, and no provider meets an unknown one."""

import asyncio
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from app.audit.event import SYSTEM
from app.federation.connector import Asked, Connection, SignInRefused
from app.federation.saml.errors import NextSAMLKeyExists, SAMLKeyNotReady
from app.federation.saml.parts import SAMLParts
from app.foundation.origin import Origin
from app.foundation.secrets import random_id
from app.protocols.saml.certificates import fingerprint, read_certificate
from app.protocols.saml.document import read_document
from app.protocols.saml.names import tag
from app.protocols.saml.redirect import read_query, require_signed
from app.protocols.trace import Trace
from tests.administrators import Administrators
from tests.federation.saml.conftest import parts_of
from tests.federation.saml.encrypting import encrypted
from tests.federation.saml.idp import Keys, assertion, encoded, response, sign
from tests.federation.saml.test_connector import KEPT, STATE, said
from tests.support import Events, problem

pytestmark = pytest.mark.anyio

KEYS = "/admin/saml-keys"
SCOPES = ("admin:signing-keys:read", "admin:signing-keys:write")
BY = {"actor": SYSTEM, "origin": Origin(ip=None, user_agent=None, trace_id="0" * 32)}


class ReadingProvider:
    """A provider that knows of us what it has read of our metadata."""

    def __init__(self, services, saml: SAMLParts, connection: Connection, keys: Keys) -> None:
        self.services, self.saml, self.connection, self.keys = services, saml, connection, keys
        self.signing: list[x509.Certificate] = []
        self.encryption: list[x509.Certificate] = []

    async def read(self) -> "ReadingProvider":
        root = read_document(await self.saml.connector.own_metadata(self.connection))
        assert root.get("cacheDuration") == "PT4H"
        for use, found in (("signing", self.signing), ("encryption", self.encryption)):
            shown = root.iterfind(f".//{tag('md:KeyDescriptor')}[@use='{use}']//{tag('ds:X509Certificate')}")
            found[:] = [read_certificate(each.text) for each in shown]
        return self

    async def believes_our_request(self) -> str:
        """Verify a request as whoever read the metadata then; the fingerprint of the key that signed it."""
        departure = await self.saml.connector.begin(self.connection, Asked(state=random_id()))
        message = read_query(urlsplit(departure.url).query, "SAMLRequest")
        require_signed(message, self.signing)
        for certificate in self.signing:
            try:
                require_signed(message, [certificate])
            except ValueError:
                continue
            return fingerprint(certificate)
        raise AssertionError("unreachable")

    async def signs_in(self, *, at: SAMLParts | None = None) -> str:
        """Send an assertion, encrypted as the metadata then had it; whose it is taken to be."""
        about = said(self.services)
        closed = encrypted(sign(assertion(about), self.keys), self.encryption[0])
        brought = {"SAMLResponse": encoded(response(about, closed)), "RelayState": STATE}
        found = await (at or self.saml).connector.complete(self.connection, KEPT, brought, Trace())
        return found.subject


@pytest.mark.spec("SAML 2.0 Metadata §2.4.4")
async def test_a_key_follows_another_and_every_provider_goes_on(
    api, services, saml, connected, keys, admins: Administrators, events: Events
):
    connection = connected(requires_encryption=True)
    # What the routes change is another process's: this one follows within a minute.
    provider = await ReadingProvider(services, saml, connection, keys).read()
    assert len(provider.signing) == len(provider.encryption) == 1
    admin = await admins.holding(*SCOPES)
    [first] = (await api.get(KEYS, headers=admin)).json()["items"]
    assert (first["state"], first["fingerprint"]) == ("active", fingerprint(provider.signing[0]))
    problem(await api.post(f"{KEYS}/rotate", json={}, headers=admin), 409, "saml_key_not_ready")
    made = await api.post(KEYS, headers=admin)
    assert made.status_code == 201, made.text
    following = made.json()
    assert following["state"] == "next"
    assert "PRIVATE" not in made.text
    problem(await api.post(KEYS, headers=admin), 409, "next_saml_key_exists")
    problem(await api.post(f"{KEYS}/rotate", json={}, headers=admin), 409, "saml_key_not_ready")
    # Published, it signs nothing, and nobody is to encrypt for it yet.
    services.clock.offset += timedelta(days=2, minutes=2)
    reading = await ReadingProvider(services, saml, connection, keys).read()
    assert [fingerprint(each) for each in reading.signing] == [first["fingerprint"], following["fingerprint"]]
    assert [fingerprint(each) for each in reading.encryption] == [first["fingerprint"]]
    assert await reading.believes_our_request() == first["fingerprint"]
    admin = await admins.holding(*SCOPES)
    short = await api.post(f"{KEYS}/rotate", json={"overlap_seconds": 3600}, headers=admin)
    problem(short, 422, "saml_overlap_too_short")
    done = await api.post(f"{KEYS}/rotate", json={}, headers=admin)
    assert done.status_code == 200, done.text
    assert (done.json()["active"], done.json()["former"]) == (following["fingerprint"], first["fingerprint"])
    services.clock.offset += timedelta(minutes=2)
    # Who read it while the key was next believes it now; who has not read it since encrypts for the former one.
    assert await reading.believes_our_request() == following["fingerprint"]
    assert await reading.signs_in() == "ann"
    assert await provider.signs_in(at=parts_of(services)) == "ann"
    again = await ReadingProvider(services, saml, connection, keys).read()
    assert fingerprint(again.encryption[0]) == following["fingerprint"]
    assert await again.signs_in() == "ann"
    states = {key["fingerprint"]: key["state"] for key in (await api.get(KEYS, headers=admin)).json()["items"]}
    assert states == {following["fingerprint"]: "active", first["fingerprint"]: "retiring"}
    # Once its time is over nothing opens by it, and its private half goes.
    services.clock.offset += timedelta(days=14, minutes=2)
    with pytest.raises(SignInRefused):
        await provider.signs_in()
    assert await again.signs_in() == "ann"
    await services.purge.run()
    row = await services.db.fetchrow("SELECT count(*) AS n FROM saml_keys")
    assert row["n"] == 1
    told = await events.of("saml_key.published", "saml_key.rotated")
    assert [entry["type"] for entry in told] == ["saml_key.published", "saml_key.rotated"]
    assert told[1]["details"]["forced"] is False


async def test_a_leaked_key_goes_at_once_and_by_force(api, services, saml, connected, keys, admins: Administrators):
    provider = await ReadingProvider(services, saml, connected(), keys).read()
    admin = await admins.holding(*SCOPES)
    [first] = (await api.get(KEYS, headers=admin)).json()["items"]
    problem(await api.delete(f"{KEYS}/{first['fingerprint']}", headers=admin), 409, "saml_key_in_use")
    problem(await api.delete(f"{KEYS}/{'0' * 64}", headers=admin), 404, "saml_key_not_found")
    done = await api.post(f"{KEYS}/rotate", json={"force": True, "overlap_seconds": 0}, headers=admin)
    assert done.status_code == 200, done.text
    [only] = (await api.get(KEYS, headers=admin)).json()["items"]
    assert only["fingerprint"] == done.json()["active"] != first["fingerprint"]
    services.clock.offset += timedelta(minutes=2)
    with pytest.raises(SignInRefused):
        await provider.signs_in()
    # A next one may be taken back; one that opens still only by force.
    following = (await api.post(KEYS, headers=admin)).json()
    assert (await api.delete(f"{KEYS}/{following['fingerprint']}", headers=admin)).status_code == 204
    await api.post(f"{KEYS}/rotate", json={"force": True}, headers=admin)
    place = f"{KEYS}/{only['fingerprint']}"
    problem(await api.delete(place, headers=admin), 409, "saml_key_in_use")
    assert (await api.delete(f"{place}?force=true", headers=admin)).status_code == 204
    assert len((await api.get(KEYS, headers=admin)).json()["items"]) == 1


async def test_of_those_who_change_keys_at_once_each_finds_what_the_other_left(services):
    parts = [parts_of(services) for _ in range(4)]
    done = await asyncio.gather(*(each.rotation.publish(**BY) for each in parts), return_exceptions=True)
    assert [type(each) for each in done].count(NextSAMLKeyExists) == 3
    services.clock.offset += timedelta(days=3)
    turns = (each.rotation.rotate(overlap=None, force=False, **BY) for each in parts)
    done = await asyncio.gather(*turns, return_exceptions=True)
    assert [type(each) for each in done].count(SAMLKeyNotReady) == 3
    assert [key.state.value for key in await parts[0].rotation.list()] == ["active", "retiring"]
