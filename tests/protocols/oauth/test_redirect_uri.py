"""Which redirect URIs a client may register, and which a request may name."""

import pytest

from app.clients.check import check
from app.clients.errors import InvalidClientDefinition
from app.clients.rules import ClientDefinition
from app.protocols.oauth.redirect_uri import fault_of, is_registered
from app.protocols.oauth.redirect_uri_hint import difference
from app.protocols.oauth.registration import AuthMethod

GOOD = [
    "https://a.test/cb",
    "https://a.test",
    "https://a.test:8443/cb?tenant=1",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:8080/cb",
    "http://[::1]/cb",
    "http://localhost:3000/cb",
]


@pytest.mark.parametrize("uri", GOOD)
def test_https_and_http_on_loopback_can_be_registered(uri):
    assert fault_of(uri, native=False) is None


@pytest.mark.attack("AUT-05")
@pytest.mark.attack("AUT-06")
@pytest.mark.parametrize(
    "uri",
    [
        *("", "a.test/cb", "//a.test/cb", "/cb", "https:", "https://", "https:///cb", "https://:443/cb"),
        *("https://*", "https://*.a.test/cb", "https://a.test/*", "http://a.test/cb", "http://127.0.0.1.a.test/cb"),
        *("javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "myapp:/cb", "urn:ietf:wg:oauth:2.0:oob"),
        *("https://a.test@evil.test/cb", "https://user:pw@a.test/cb", "https://a.test/cb#x", "https://a.test/cb#"),
        *(
            "https://a.test/cb/../evil",
            "https://a.test/%2e%2E/evil",
            "https://a.test/..",
            "https://a.test\\@evil.test/",
        ),
        *(
            "https://a.test/c b",
            "https://a.test/\ncb",
            "https://ä.test/cb",
            "https://a.test:99999/cb",
            "https://a.test:/",
        ),
        "https://a.test/" + "x" * 512,
    ],
)
def test_what_could_lead_elsewhere_cannot_be_registered(uri):
    assert fault_of(uri, native=False)
    assert fault_of(uri, native=True)
    definition = ClientDefinition(
        name="web", grant_types=("authorization_code",), redirect_uris=(uri,), auth_method=AuthMethod.BASIC
    )
    with pytest.raises(InvalidClientDefinition) as refused:
        check(definition)
    assert [fault["pointer"] for fault in refused.value.extensions["errors"]] == ["/redirect_uris/0"]


@pytest.mark.attack("AUT-05")
def test_a_client_without_a_redirect_uri_gets_no_code():
    with pytest.raises(InvalidClientDefinition) as refused:
        check(ClientDefinition(name="web", grant_types=("authorization_code",)))
    assert [fault["pointer"] for fault in refused.value.extensions["errors"]] == ["/redirect_uris"]


@pytest.mark.spec("RFC 8252 §7.1")
def test_an_app_may_have_a_scheme_of_its_own_that_is_a_domain_read_backwards():
    assert fault_of("com.example.app:/cb", native=True) is None
    assert fault_of("com.example.app:/cb", native=False)
    assert fault_of("myapp:/cb", native=True)


@pytest.mark.attack("AUT-07")
@pytest.mark.spec("RFC 8252 §7.3")
def test_an_app_on_loopback_may_come_from_any_port_and_nowhere_else():
    registered = ("http://127.0.0.1/cb",)
    for uri in ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"):
        assert is_registered(uri, registered, native=True)
    for uri in (
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1:49152/cb?x=1",
        "http://127.0.0.1:49152/cb#x",
        "https://127.0.0.1:49152/cb",
        "http://localhost:49152/cb",
        "http://user@127.0.0.1:49152/cb",
        "http://127.0.0.1:x/cb",
        "http://127.0.0.1:49152/cb/",
    ):
        assert not is_registered(uri, registered, native=True)
    assert not is_registered("http://127.0.0.1:49152/cb", registered, native=False)


@pytest.mark.parametrize(
    "uri",
    [
        *("https://a.test/cb/x", "https://a.test/cb?x=1", "https://a.test:444/cb", "https://A.test/cb"),
        *("https://a.test.evil.test/cb", "https://a.test@evil.test/cb", "https://a.test/cb/", "https://a.test/CB"),
    ],
)
def test_a_request_names_a_registered_uri_as_a_whole(uri):
    assert is_registered("https://a.test/cb", ("https://a.test/cb",), native=False)
    assert not is_registered(uri, ("https://a.test/cb", "https://a.test"), native=False)


def test_what_is_different_of_an_address_is_said_where_it_is_one_thing():
    known = ["https://a.test/cb", "http://127.0.0.1:8080/cb"]
    for presented, words in {
        "https://a.test/cb/": "there is one / too many at the end",
        "https://a.test/CB": "capital and small letters differ",
        "http://a.test/cb": "only the scheme is different",
        "https://b.test/cb": "only the host is different",
        "https://a.test:444/cb": "only the port is different",
        "https://a.test/other": "only the path is different",
        "https://a.test/cb?x": "only the query is different",
        "http://127.0.0.1:8081/cb": "only the port is different",
        "http://c.test/other": None,
        "https://[": None,
        "https://a.test:x/cb": None,
    }.items():
        assert difference(presented, known) == words, presented
    assert difference("https://a.test", ["https://a.test/"]) == "the / at the end is missing"
