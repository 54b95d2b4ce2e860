import asyncio
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from app.federation.connector import Refusal, SignInRefused
from app.federation.saml.logout import Incoming
from app.protocols.saml.document import read_document
from app.protocols.saml.names import tag
from app.protocols.saml.redirect import read_query
from app.protocols.trace import Trace
from tests.federation.saml.idp import Keys, encoded, logout_request, logout_response, query, sign
from tests.federation.saml.test_connector import KEPT, answer, said
from tests.support import ISSUER

SLO = f"{ISSUER}/auth/saml/corp/slo"


def by_query(services, keys, *, relay_state=None, sessions=("session-1",), destination=SLO, **changed) -> Incoming:
    element = logout_request(said(services, **changed), destination=destination, sessions=sessions)
    return Incoming(query=query("SAMLRequest", element, keys, relay_state), relay_state=relay_state)


def by_form(services, keys: Keys | None, **changed) -> Incoming:
    element = logout_request(said(services, **changed), destination=SLO)
    return Incoming(field=encoded(element if keys is None else sign(element, keys)))


async def session_of_ann(services, saml, connection, keys, **changed) -> str:
    about = said(services, **changed)
    found = await saml.connector.complete(connection, KEPT, answer(about, keys), Trace())
    return found.session


@pytest.mark.spec("SAML 2.0 Core §3.7.1")
async def test_a_signed_request_names_the_session_that_is_over(services, saml, connected, keys):
    connection = connected()
    session = await session_of_ann(services, saml, connection, keys)
    for incoming in (by_query(services, keys, relay_state="back"), by_form(services, keys)):
        done = await saml.logout.receive(connection, incoming, Trace())
        assert [each.session for each in done.sessions] == [session]
        assert done.sessions[0].issuer == "https://idp.example.org/saml"


async def test_a_request_without_an_index_means_all_sessions_of_the_name(services, saml, connected, keys):
    connection = connected()
    sessions = {
        await session_of_ann(services, saml, connection, keys, session_index=index) for index in ("one", "two", None)
    }
    await session_of_ann(services, saml, connection, keys, name="ben")
    done = await saml.logout.receive(connection, by_query(services, keys, sessions=()), Trace())
    assert {each.session for each in done.sessions} == sessions


@pytest.mark.spec("SAML 2.0 Core §2.7.2")
async def test_another_persons_session_of_the_same_index_is_another_session(services, saml, connected, keys):
    connection = connected()
    ann = await session_of_ann(services, saml, connection, keys)
    done = await saml.logout.receive(connection, by_query(services, keys, name="ben"), Trace())
    assert ann not in {each.session for each in done.sessions}


@pytest.mark.spec("SAML 2.0 Profiles §4.4.4.1")
@pytest.mark.attack("SAM-11")
async def test_an_unsigned_or_forged_request_is_refused(services, saml, connected, keys, attacker):
    connection = connected()
    await session_of_ann(services, saml, connection, keys)
    right = by_query(services, keys)
    forged = [
        by_query(services, None),
        by_query(services, attacker),
        by_form(services, None),
        by_form(services, attacker),
        Incoming(query=right.query.replace("SAMLRequest=", "SAMLRequest=A", 1)),
        Incoming(query=f"{right.query}&RelayState=elsewhere"),
        Incoming(query=right.query.replace("rsa-sha256", "rsa-sha1")),
        Incoming(query=f"{right.query}&{by_query(services, None, name='ben').query}"),
        Incoming(field="no base64!"),
        Incoming(query="SAMLRequest="),
    ]
    for incoming in forged:
        with pytest.raises(SignInRefused) as refused:
            await saml.logout.receive(connection, incoming, Trace())
        assert refused.value.refusal is Refusal.FORGED


@pytest.mark.attack("SAM-11")
@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://other.example/idp"},
        {"destination": "https://other.example/slo"},
        {"confirmed_until": timedelta(minutes=-2)},
        {"now": timedelta(minutes=-10)},
        {"now": timedelta(minutes=5)},
    ],
)
async def test_a_request_for_another_time_or_place_is_refused(services, saml, connected, keys, changed):
    moments = {name: services.clock.now() + value for name, value in changed.items() if isinstance(value, timedelta)}
    with pytest.raises(SignInRefused):
        await saml.logout.receive(connected(), by_query(services, keys, **{**changed, **moments}), Trace())


@pytest.mark.attack("SAM-11")
async def test_a_request_counts_once(services, saml, connected, keys):
    connection, incoming = connected(), by_query(services, keys)
    tries = [saml.logout.receive(connection, incoming, Trace()) for _ in range(4)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert [type(each) for each in done].count(SignInRefused) == 3


@pytest.mark.spec("SAML 2.0 Core §3.7.2")
@pytest.mark.spec("SAML 2.0 Bindings §3.4.3")
async def test_our_answer_goes_back_signed_with_what_came(services, saml, connected, keys):
    connection = connected()
    done = await saml.logout.receive(connection, by_query(services, keys, relay_state="back"), Trace())
    left = await saml.logout.answer(connection, done)
    message = read_query(urlsplit(left.url).query, "SAMLResponse")
    element = read_document(message.content)
    assert (message.relay_state, element.get("InResponseTo")) == ("back", done.request_id)
    assert message.signature is not None


async def test_whoever_signs_out_here_is_named_to_the_provider(services, saml, connected, keys):
    connection = connected()
    session = await session_of_ann(services, saml, connection, keys)
    left = await saml.logout.begin(connection, session, "state-of-22-characters")
    request = read_document(read_query(urlsplit(left.url).query, "SAMLRequest").content)
    assert request.findtext(tag("saml:NameID")) == "ann"
    assert request.findtext(tag("samlp:SessionIndex")) == "session-1"
    assert await saml.logout.begin(connection, "unknown", "state") is None


@pytest.mark.spec("SAML 2.0 Profiles §4.4.4.2")
async def test_the_providers_word_on_our_request_is_believed_only_if_signed(services, saml, connected, keys, attacker):
    connection = connected()
    element = logout_response(said(services, request_id="_state"), destination=SLO)
    right = Incoming(query=query("SAMLResponse", element, keys, "state"), relay_state="state")
    assert (await saml.logout.finish(connection, right, Trace())).is_success
    for wrong in (
        Incoming(query=query("SAMLResponse", element, attacker, "state"), relay_state="state"),
        Incoming(query=query("SAMLResponse", element, None, "state"), relay_state="state"),
        Incoming(query=query("SAMLResponse", element, keys, "other"), relay_state="other"),
    ):
        with pytest.raises(SignInRefused):
            await saml.logout.finish(connection, wrong, Trace())
