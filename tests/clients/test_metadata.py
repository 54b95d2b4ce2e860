import pytest

from app.clients.errors import InvalidClientDefinition
from app.clients.metadata import ApplicationType
from app.protocols.jose.algorithms import Algorithm
from app.protocols.oauth.registration import AuthMethod

pytestmark = pytest.mark.anyio

SIGNS_IN = {
    "audience": None,
    "scopes": (),
    "grant_types": ("authorization_code",),
    "redirect_uris": ("https://app.example.com/cb",),
}
SAID = {
    "post_logout_redirect_uris": ("https://app.example.com/bye",),
    "backchannel_logout_uri": "https://app.example.com/backchannel",
    "backchannel_logout_session_required": True,
    "frontchannel_logout_uri": "https://app.example.com/frontchannel",
    "logo_uri": "https://cdn.example.com/logo.png",
    "client_uri": "https://app.example.com",
    "policy_uri": "https://app.example.com/privacy",
    "tos_uri": "https://app.example.com/terms",
    "initiate_login_uri": "https://app.example.com/login",
    "application_type": ApplicationType.WEB,
    "id_token_signed_response_alg": Algorithm.ES256,
    "pkce_required": False,
    "consent_required": False,
    "default_max_age": 3600,
    "claim_mappings": {"department": "user.attributes.department"},
    "allowed_origins": ("https://app.example.com",),
    "verified_publisher": "Parcel Lens Ltd",
}

DANGEROUS = ("javascript:alert(1)", "data:text/html,x", "vbscript:x")

WRONG = [
    *(({"post_logout_redirect_uris": (uri,)}, "/post_logout_redirect_uris/0") for uri in DANGEROUS),
    *(({"logo_uri": uri}, "/logo_uri") for uri in DANGEROUS),
    *(({"policy_uri": uri}, "/policy_uri") for uri in DANGEROUS),
    *(({"tos_uri": uri}, "/tos_uri") for uri in DANGEROUS),
    *(({"client_uri": uri}, "/client_uri") for uri in DANGEROUS),
    *(({"initiate_login_uri": uri}, "/initiate_login_uri") for uri in DANGEROUS),
    ({"post_logout_redirect_uris": ("https://*.a.test/bye",)}, "/post_logout_redirect_uris/0"),
    ({"post_logout_redirect_uris": ("http://a.test/bye",)}, "/post_logout_redirect_uris/0"),
    ({"logo_uri": "http://a.test/logo.png"}, "/logo_uri"),
    ({"backchannel_logout_uri": "http://a.test/out"}, "/backchannel_logout_uri"),
    ({"backchannel_logout_uri": "https://user@a.test/out"}, "/backchannel_logout_uri"),
    ({"backchannel_logout_uri": "https://a.test/out#here"}, "/backchannel_logout_uri"),
    ({"backchannel_logout_session_required": True}, "/backchannel_logout_session_required"),
    ({"frontchannel_logout_session_required": True}, "/frontchannel_logout_session_required"),
    ({"frontchannel_logout_uri": "https://elsewhere.example.com/out"}, "/frontchannel_logout_uri"),
    ({"allowed_origins": ("*",)}, "/allowed_origins/0"),
    ({"allowed_origins": ("null",)}, "/allowed_origins/0"),
    ({"allowed_origins": ("https://*.a.test",)}, "/allowed_origins/0"),
    ({"allowed_origins": ("https://a.test/",)}, "/allowed_origins/0"),
    ({"allowed_origins": ("http://a.test",)}, "/allowed_origins/0"),
    ({"auth_method": AuthMethod.NONE, "pkce_required": False}, "/pkce_required"),
    ({"application_type": ApplicationType.NATIVE}, "/application_type"),
    ({"default_max_age": -1}, "/default_max_age"),
    *(({"verified_publisher": name}, "/verified_publisher") for name in ("", " Ltd", "A\u202eB", "A\nB", "x" * 129)),
    ({"claim_mappings": {"sub": "user.email"}}, "/claim_mappings"),
    ({"claim_mappings": {"department": "two\nlines"}}, "/claim_mappings"),
]


async def test_all_that_a_client_says_of_itself_is_kept_and_read(services, make_client, events):
    made = await make_client(**SIGNS_IN, **SAID)
    known = await services.oauth.directory.read(made.client_id)
    for name, value in SAID.items():
        assert getattr(known, name) == value, name
    async with services.db.transaction() as tx:
        shown = (await services.clients.get(tx, made.client_id)).as_json()
    assert shown["logo_uri"] == SAID["logo_uri"]
    assert shown["claim_mappings"] == SAID["claim_mappings"]
    (created,) = await events.of("client.created")
    assert created["details"]["client_metadata"]["pkce_required"] is False


async def test_a_client_that_says_nothing_needs_pkce_and_consent(services, make_client):
    made = await make_client(**SIGNS_IN)
    known = await services.oauth.directory.read(made.client_id)
    assert (known.pkce_required, known.consent_required, known.is_native) == (True, True, False)
    assert known.id_token_signed_response_alg is Algorithm.RS256
    public = await services.oauth.directory.read((await make_client(**SIGNS_IN, auth_method=AuthMethod.NONE)).client_id)
    assert public.is_native


@pytest.mark.attack("AUT-05")
@pytest.mark.attack("AUT-06")
async def test_what_a_client_says_wrong_is_refused_by_the_field(make_client):
    for stated, pointer in WRONG:
        with pytest.raises(InvalidClientDefinition) as refused:
            await make_client(**{**SIGNS_IN, **stated})
        assert [fault["pointer"] for fault in refused.value.extensions["errors"]] == [pointer], stated


async def test_no_uri_of_a_native_application_is_for_a_web_one(make_client):
    own = {**SIGNS_IN, "redirect_uris": ("com.example.app:/cb",), "auth_method": AuthMethod.NONE}
    await make_client(**own)
    with pytest.raises(InvalidClientDefinition):
        await make_client(**own, application_type=ApplicationType.WEB)
