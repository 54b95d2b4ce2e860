"""Providers that nobody here wrote: SimpleSAMLphp, and one by pysaml2."""

import asyncio
from base64 import b64decode
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.federation.connector import Asked
from app.protocols.saml.document import read_document
from app.protocols.saml.names import tag
from tests.brokering.saml.conftest import ACS, SLO, SP, SAMLBrowser, why
from tests.brokering.saml.simplesamlphp import SimpleSAMLphp, running
from tests.conftest import settings_for
from tests.federation.saml.idp import ENTITY_ID, SIGN_IN, Keys
from tests.support import ISSUER
from tests.system import program


@pytest.fixture
async def php(tmp_path, keys):
    async with running(tmp_path, keys) as php:
        yield php


class TestSimpleSAMLphp:
    @pytest.fixture
    def settings(self, database_url, engines, php):
        # Of its kinds of encryption it uses for a public key none but AES-128-CBC, in responses that it signs.
        address = f"{php.url}/saml2/idp/metadata.php"
        members = {"metadata_url": address, "entity_id": address, "trusts_email": True, "allows_cbc": True}
        corp = {"id": "corp", "name": "Corp", "kind": "saml", "config": members}
        return settings_for(database_url, engines, identity_providers={"declared": [corp]})

    async def test_people_sign_in_and_out_by_it(self, browser: SAMLBrowser, php: SimpleSAMLphp, services):
        own = read_document((await browser.foreign.get("/auth/saml/corp/metadata")).content)
        certificate = own.findtext(f".//{tag('ds:X509Certificate')}")
        async with httpx2.AsyncClient() as there:
            for encrypts in (False, True):
                php.trust(entity_id=SP, certificate=certificate, encrypts=encrypts)
                begun = await browser.http.get("/auth/saml/corp/login")
                form = await php.sign_in(there, begun.headers["location"])
                assert (b"EncryptedAssertion" in b64decode(form["SAMLResponse"])) is encrypts
                answer = await browser.arrive(form)
                assert answer.status_code == 303, await why(services)
                assert (await browser.who())["email"] == "ann@corp.example"
                assert (await browser.arrive(form)).status_code == 400
            # Its own page signs them out: by a message to us, and with our answer.
            page = await there.get(f"{php.url}/saml2/idp/SingleLogoutService.php", params={"ReturnTo": f"{php.url}/"})
            while page.is_redirect and page.headers["location"].startswith(php.url):
                page = await there.get(page.headers["location"])
            assert page.headers["location"].startswith(f"{SLO}?SAMLRequest="), page.text[:2000]
            answer = await browser.http.get(page.headers["location"].removeprefix(ISSUER))
            assert answer.status_code == 303, answer.text
            assert await browser.who() is None
            done = await there.get(answer.headers["location"])
            assert done.status_code in (302, 303), done.text[:2000]
            assert done.headers["location"].startswith(f"{php.url}/")


# It was written for older cryptography.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
class TestPySAML2:
    async def test_it_takes_our_requests_and_we_its_responses(
        self, browser: SAMLBrowser, keys: Keys, services, tmp_path
    ):
        own = (await browser.foreign.get("/auth/saml/corp/metadata")).text
        server = await asyncio.to_thread(_server, keys, own, tmp_path)
        begun = await browser.start()
        form = await asyncio.to_thread(_answer, server, begun.headers["location"])
        answer = await browser.arrive(browser.form_of(form.encode()))
        assert answer.status_code == 303, await why(services)
        assert (await browser.who())["email"] == "ann@corp.example"
        from saml2 import BINDING_HTTP_POST

        # A request in a form is signed inside, and verified by xmlsec1.
        connection = await services.federation.providers.get(None, "corp")
        by_form = replace(connection, config={**connection.config, "binding": "post"})
        departure = await services.saml.connector.begin(by_form, Asked(state="state-of-a-flow"))
        asked = await asyncio.to_thread(server.parse_authn_request, departure.fields["SAMLRequest"], BINDING_HTTP_POST)
        assert asked.message.id == "_state-of-a-flow"
        # What it encrypts it encrypts by Triple DES.
        begun = await browser.start()
        form = await asyncio.to_thread(_answer, server, begun.headers["location"], encrypts=True)
        assert (await browser.arrive(browser.form_of(form.encode()))).status_code in (400, 502)
        assert "tripledes" in await why(services)


def _server(keys: Keys, metadata: str, folder):
    from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
    from saml2.config import IdPConfig
    from saml2.server import Server

    key, certificate, own = folder / "key.pem", folder / "cert.pem", folder / "sp.xml"
    key.write_bytes(keys.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    certificate.write_bytes(keys.certificate.public_bytes(Encoding.PEM))
    own.write_text(metadata)
    config = IdPConfig().load(
        {
            "entityid": ENTITY_ID,
            "xmlsec_binary": program("xmlsec1"),
            "key_file": str(key),
            "cert_file": str(certificate),
            "metadata": {"local": [str(own)]},
            "service": {
                "idp": {
                    "endpoints": {
                        "single_sign_on_service": [(SIGN_IN, BINDING_HTTP_REDIRECT), (SIGN_IN, BINDING_HTTP_POST)]
                    },
                    "want_authn_requests_signed": True,
                    "policy": {"default": {"lifetime": {"minutes": 5}, "name_form": None}},
                }
            },
        }
    )
    return Server(config=config)


def _answer(server, location: str, *, encrypts: bool = False) -> str:
    from saml2 import BINDING_HTTP_REDIRECT
    from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID

    query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    request = server.parse_authn_request(
        query["SAMLRequest"],
        BINDING_HTTP_REDIRECT,
        relay_state=query["RelayState"],
        sigalg=query["SigAlg"],
        signature=query["Signature"],
    )
    return str(
        server.create_authn_response(
            {"mail": ["ann@corp.example"], "givenName": ["Ann"]},
            in_response_to=request.message.id,
            destination=ACS,
            sp_entity_id=SP,
            name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text="ann"),
            authn={"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "authn_auth": "idp"},
            sign_response=True,
            sign_assertion=True,
            encrypt_assertion=encrypts,
            sign_alg="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            digest_alg="http://www.w3.org/2001/04/xmlenc#sha256",
        )
    )
