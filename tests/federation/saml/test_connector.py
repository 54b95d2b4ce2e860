import asyncio
import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from app.federation.connector import Asked, InvalidConfiguration, Refusal, SignInRefused
from app.federation.saml.config import read_config
from app.foundation.secrets import random_id
from app.protocols.saml.certificates import read_certificate
from app.protocols.saml.document import read_document
from app.protocols.saml.metadata import read_metadata
from app.protocols.saml.names import SAML, tag
from app.protocols.saml.redirect import read_query, require_signed
from app.protocols.saml.signature import verified
from app.protocols.trace import Trace
from tests.federation.saml.conftest import parts_of
from tests.federation.saml.idp import Said, assertion, encoded, metadata, response, sign
from tests.support import ISSUER

ACS = f"{ISSUER}/auth/saml/corp/acs"
SP = f"{ISSUER}/auth/saml/corp/metadata"
STATE = "0123456789abcdefghijkl"


def said(services, **changed) -> Said:
    values = {"acs_url": ACS, "audience": SP, "request_id": f"_{STATE}", "now": services.clock.now()}
    return Said(**(values | changed))


def answer(about: Said, keys) -> dict[str, str]:
    return {"SAMLResponse": encoded(response(about, sign(assertion(about), keys))), "RelayState": STATE}


KEPT = {"request_id": f"_{STATE}"}


@pytest.mark.spec("SAML 2.0 Bindings §3.4.4.1")
@pytest.mark.spec("SAML 2.0 Profiles §4.1.4.1")
async def test_a_request_by_address_is_signed_and_says_where_the_answer_goes(saml, connected):
    connection = connected()
    departure = await saml.connector.begin(connection, Asked(state=STATE))
    assert departure.kept == KEPT
    assert departure.fields is None
    message = read_query(urlsplit(departure.url).query, "SAMLRequest")
    request = read_document(message.content)
    own = read_document(await saml.connector.own_metadata(connection))
    [shown, _] = own.findall(f".//{tag('ds:X509Certificate')}")
    require_signed(message, [read_certificate(shown.text)])
    assert (request.get("ID"), request.get("AssertionConsumerServiceURL")) == (f"_{STATE}", ACS)
    assert (request.findtext(f"{{{SAML}}}Issuer"), message.relay_state) == (SP, STATE)
    assert request.get("ForceAuthn") is None


@pytest.mark.spec("SAML 2.0 Core §3.4.1")
async def test_a_request_by_form_is_signed_inside(saml, connected):
    connection = connected(binding="post", name_id_format="persistent", authn_contexts=["urn:mfa"])
    departure = await saml.connector.begin(connection, Asked(state=STATE, prompts_again=True))
    assert departure.fields is not None
    assert departure.fields["RelayState"] == STATE
    request = read_document(base64.b64decode(departure.fields["SAMLRequest"]))
    own = read_document(await saml.connector.own_metadata(connection))
    certificate = read_certificate(own.findtext(f".//{tag('ds:X509Certificate')}"))
    signed = verified(request, [certificate])
    assert signed.get("ForceAuthn") == "true"
    assert signed.findtext(f".//{tag('saml:AuthnContextClassRef')}") == "urn:mfa"


@pytest.mark.spec("SAML 2.0 Core §2.7.3")
async def test_an_accepted_response_says_who_it_is(services, saml, connected, keys):
    about = said(services, attributes={"mail": ["ann@corp.example"], "groups": ["a", "b"], "givenName": ["Ann"]})
    trace = Trace()
    found = await saml.connector.complete(connected(), KEPT, answer(about, keys), trace)
    assert (found.issuer, found.subject, found.email) == ("https://idp.example.org/saml", "ann", "ann@corp.example")
    assert (found.email_verified, found.given_name, found.claims["groups"]) == (False, "Ann", ["a", "b"])
    assert found.session is not None
    assert trace.failed is None
    assert {"audience", "recipient", "signed", "first use"} <= {check.name for check in trace.checks}


async def test_the_operators_word_makes_addresses_verified(services, saml, connected, keys):
    connection = connected(trusts_email=True, attributes={"email": "upn"}, subject_attribute="uid")
    about = said(
        services,
        name_format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
        attributes={"upn": ["ann@corp.example"], "uid": ["4711"]},
    )
    found = await saml.connector.complete(connection, KEPT, answer(about, keys), Trace())
    assert (found.subject, found.email, found.email_verified) == ("4711", "ann@corp.example", True)


@pytest.mark.spec("SAML 2.0 Core §8.3")
@pytest.mark.parametrize(
    "changed",
    [
        {"name": None},
        {"name_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"},
        {"qualifiers": {"NameQualifier": "https://other.example/idp"}},
        {"qualifiers": {"SPNameQualifier": "https://other.example/sp"}},
        {"name": "a" * 256},
        {"name": "ann "},
    ],
)
async def test_a_name_that_means_nobody_for_good_is_refused(services, saml, connected, keys, changed):
    with pytest.raises(SignInRefused) as refused:
        await saml.connector.complete(connected(), KEPT, answer(said(services, **changed), keys), Trace())
    assert refused.value.refusal is Refusal.BROKEN


@pytest.mark.spec("SAML 2.0 Profiles §4.1.4.5")
@pytest.mark.attack("SAM-09")
async def test_of_the_same_response_at_two_workers_at_once_one_counts(services, saml, connected, keys):
    connection, another = connected(), parts_of(services)
    brought = answer(said(services), keys)
    both = [part.connector.complete(connection, KEPT, brought, Trace()) for part in (saml, another) for _ in range(4)]
    done = await asyncio.gather(*both, return_exceptions=True)
    assert [type(each) for each in done].count(SignInRefused) == 7
    # After a restart it is as spent as before.
    trace = Trace()
    with pytest.raises(SignInRefused) as refused:
        await parts_of(services).connector.complete(connection, KEPT, brought, trace)
    assert (refused.value.refusal, trace.failed.name) == (Refusal.FORGED, "first use")


@pytest.mark.attack("SAM-09")
async def test_a_spent_response_stays_spent_until_it_is_too_late_by_itself(services, saml, connected, keys):
    connection, brought = connected(skew_seconds=300), answer(said(services), keys)
    await saml.connector.complete(connection, KEPT, brought, Trace())
    services.clock.offset += timedelta(minutes=9, seconds=50)
    trace = Trace()
    with pytest.raises(SignInRefused):
        await saml.connector.complete(connection, KEPT, brought, trace)
    assert trace.failed.name == "first use"


@pytest.mark.attack("SAM-05")
async def test_a_refused_response_spends_nothing(services, saml, connected, keys, attacker):
    connection, about = connected(), said(services)
    with pytest.raises(SignInRefused):
        await saml.connector.complete(connection, KEPT, answer(about, attacker), Trace())
    assert await saml.connector.complete(connection, KEPT, answer(about, keys), Trace())


@pytest.mark.spec("SAML 2.0 Bindings §3.5.4")
@pytest.mark.parametrize("field", ["", "no base64!", "A" * 900_000])
async def test_a_form_without_a_response_is_refused(saml, connected, field):
    with pytest.raises(SignInRefused) as refused:
        await saml.connector.complete(connected(), KEPT, {"SAMLResponse": field}, Trace())
    assert refused.value.refusal is Refusal.BROKEN


async def test_our_own_metadata_is_the_same_in_every_process(services, saml, connected):
    connection = connected()
    first, second = await asyncio.gather(
        saml.connector.own_metadata(connection), parts_of(services).connector.own_metadata(connection)
    )
    assert first == second
    assert b"PRIVATE" not in first


async def test_what_waits_for_its_browser_is_taken_once_and_soon(services, saml):
    raw_id = await saml.parked.park({"who": "ann"})
    taken = await asyncio.gather(*(saml.parked.take(raw_id) for _ in range(4)))
    assert [each for each in taken if each is not None] == [{"who": "ann"}]
    late = await saml.parked.park({"who": "ann"})
    services.clock.offset += timedelta(seconds=121)
    assert await saml.parked.take(late) is None
    assert await saml.parked.take(random_id()) is None


@pytest.mark.parametrize(
    ("config", "member"),
    [
        ({}, "metadata_url"),
        ({"metadata_url": "https://idp.example/m", "metadata_xml": "<a/>"}, "metadata_url"),
        ({"metadata_url": "https://idp.example/m"}, "entity_id"),
        ({"metadata_xml": "<a/>"}, "metadata_xml"),
        ({"metadata_xml": "<!DOCTYPE a><a/>"}, "metadata_xml"),
        ({"metadata_url": "https://idp.example/m", "colour": "red"}, "colour"),
        ({"metadata_url": "https://idp.example/m", "signed": "neither"}, "signed"),
        ({"metadata_url": "https://idp.example/m", "skew_seconds": 301}, "skew_seconds"),
        ({"metadata_url": "https://idp.example/m", "skew_seconds": True}, "skew_seconds"),
        ({"metadata_url": "https://idp.example/m", "allows_cbc": "yes"}, "allows_cbc"),
        ({"metadata_url": "https://idp.example/m", "attributes": {"sub": "uid"}}, "attributes"),
        ({"metadata_url": "https://idp.example/m", "metadata_certificate": "PEM"}, "metadata_certificate"),
    ],
)
def test_a_wrong_configuration_is_refused_by_its_member(saml_check, config, member):
    with pytest.raises(InvalidConfiguration) as refused:
        saml_check(config)
    assert refused.value.member == member


@pytest.fixture
def saml_check():
    return lambda config: read_config(config).as_json()


def test_a_configuration_that_is_read_again_stays_as_it_is(saml_check, keys):
    once = saml_check({"metadata_xml": metadata(keys).decode(), "authn_contexts": ["urn:x"], "skew_seconds": "30"})
    assert saml_check(once) == once
    assert read_metadata(once["metadata_xml"].encode(), entity_id=None, now=datetime.now(UTC)).sign_in
