"""The judgement of authorization requests, by pure rules alone."""

import hashlib
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocols.assurance import ACR
from app.protocols.oauth.authorization_error import AuthorizationError, RequestRefused
from app.protocols.oauth.authorization_parameters import (
    ResponseMode,
    ResponseTarget,
    client_id_of,
    read_parameters,
    redirect_uri_of,
    response_target,
)
from app.protocols.oauth.authorization_request import AuthorizationRequest, ClientRules, check_request
from app.protocols.oauth.interaction import Interaction, SignedIn, needs_of, next_interaction
from app.protocols.trace import Trace

# RFC 7636 Appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
CALLBACK = "https://client.example.com/cb"
RULES = ClientRules(may_ask_for_codes=True)
EXEMPT = ClientRules(may_ask_for_codes=True, pkce_required=False)
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def judged(rules: ClientRules = RULES, **changed: str | None) -> AuthorizationRequest:
    pairs = {"response_type": "code", "scope": "openid", **PKCE, **changed}
    parameters = read_parameters((name, value) for name, value in pairs.items() if value is not None)
    return check_request(parameters, rules, Trace())


def refusal(rules: ClientRules = RULES, **changed: str | None) -> AuthorizationError:
    with pytest.raises(RequestRefused) as refused:
        judged(rules, **changed)
    return refused.value.error


def sent_to(*, registered: tuple[str, ...] = (CALLBACK,), native: bool = False, **pairs: str) -> str | None:
    try:
        return redirect_uri_of(read_parameters(pairs.items()), registered, native=native, trace=Trace()).redirect_uri
    except RequestRefused:
        return None


@pytest.mark.spec("RFC 7636 Appendix B")
def test_the_challenge_of_the_specification_is_taken():
    digest = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    assert digest == CHALLENGE
    assert judged().challenge == CHALLENGE


@pytest.mark.attack("AUT-12")
@pytest.mark.spec("RFC 7636 §4.4.1")
def test_a_request_without_a_challenge_is_refused_but_of_a_client_that_is_exempt_and_sends_a_nonce():
    missing = {"code_challenge": None, "code_challenge_method": None}
    assert refusal(**missing) == "invalid_request"
    assert refusal(code_challenge="") == "invalid_request"
    assert refusal(EXEMPT, **missing) == "invalid_request"
    assert judged(EXEMPT, **missing, nonce="n").challenge is None
    # Half of it is no exemption: the other half was lost on the way.
    assert refusal(EXEMPT, code_challenge=None, nonce="n") == "invalid_request"
    # Who is exempt and uses it all the same is held to it.
    assert judged(EXEMPT).challenge == CHALLENGE
    assert refusal(EXEMPT, code_challenge_method="plain") == "invalid_request"


@pytest.mark.attack("AUT-13")
def test_no_method_but_s256_is_taken_and_no_challenge_that_is_none():
    for method in ("plain", "S512", "s256", "S256 ", "", None):
        assert refusal(code_challenge_method=method) == "invalid_request", method
    for challenge in ("short", VERIFIER + "A", CHALLENGE + "=", CHALLENGE[:-1] + "N", CHALLENGE[:-1] + "+", "ä" * 43):
        assert refusal(code_challenge=challenge) == "invalid_request", challenge


@pytest.mark.attack("AUT-11")
def test_only_a_code_can_be_asked_for():
    for wanted in ("token", "id_token token", "code token", "code id_token", "none", "CODE", " code", "code code"):
        assert refusal(response_type=wanted) == "unsupported_response_type", wanted
    assert refusal(response_type=None) == "invalid_request"
    assert refusal(response_type="") == "invalid_request"


@pytest.mark.attack("AUT-22")
@pytest.mark.attack("AUT-24")
@pytest.mark.spec("OpenID Connect Core §3.1.2.6")
def test_what_is_signed_or_lies_elsewhere_is_refused_by_its_own_error():
    assert refusal(request="eyJhbGciOiJub25lIn0.e30.") == "request_not_supported"
    assert refusal(request_uri="http://127.0.0.1:1/x") == "request_uri_not_supported"
    assert refusal(registration="{}") == "registration_not_supported"


def test_a_client_without_the_grant_type_is_refused():
    assert refusal(ClientRules(may_ask_for_codes=False)) == "unauthorized_client"


@pytest.mark.attack("AUT-10")
@pytest.mark.spec("RFC 6749 §3.1")
def test_no_parameter_but_resource_may_be_repeated():
    pairs = [("response_type", "code"), ("scope", "openid"), *PKCE.items()]
    with pytest.raises(RequestRefused, match="twice"):
        check_request(read_parameters([*pairs, ("state", "a"), ("state", "b")]), RULES, Trace())
    with pytest.raises(RequestRefused, match="one audience"):
        check_request(
            read_parameters([*pairs, ("resource", "https://a.test"), ("resource", "https://b.test")]), RULES, Trace()
        )
    for name in ("client_id", "redirect_uri"):
        with pytest.raises(RequestRefused):
            client_id_of(read_parameters([("client_id", "c"), (name, "a"), (name, "b")]), Trace())


@pytest.mark.attack("AUT-15")
def test_a_scope_is_some_words_and_no_more():
    assert judged(scope="openid email openid").scope == ("openid", "email")
    assert judged(scope=None).scope is None
    for scope in (" ".join(f"s{n}" for n in range(10_000)), "a" * 65, "a  b", " a", 'a"b', "ä", "a\nb"):
        assert refusal(scope=scope) == "invalid_scope", scope[:20]


def test_prompts_are_known_and_none_stands_alone():
    assert judged(prompt="login consent").prompt == {"login", "consent"}
    assert judged(prompt="").prompt == frozenset()
    for prompt in ("none login", "create", "LOGIN"):
        assert refusal(prompt=prompt) == "invalid_request", prompt


def test_an_age_is_a_number_of_seconds_and_the_clients_own_where_none_is_asked():
    assert judged(max_age="0").max_age == 0
    assert judged(ClientRules(may_ask_for_codes=True, default_max_age=60)).max_age == 60
    assert judged(ClientRules(may_ask_for_codes=True, default_max_age=60), max_age="5").max_age == 5
    for age in ("-1", "1.5", "x", "٣", "99999999999"):
        assert refusal(max_age=age) == "invalid_request", age


@pytest.mark.spec("OpenID Connect Core §5.5")
def test_claims_are_read_strictly_and_what_is_unknown_of_them_is_dropped():
    asked = {"userinfo": {"email": None}, "id_token": {"acr": {"essential": True, "values": ["phr", "aal2"]}}, "x": 1}
    request = judged(claims=json.dumps(asked))
    assert request.claims == {"userinfo": {"email": None}, "id_token": asked["id_token"]}
    assert (request.acr, request.acr_is_essential) == (ACR.AAL2, True)
    assert judged(claims='{"id_token": {"sub": {"value": "abc"}}}').sub == "abc"
    for claims in ("[]", "{", '{"id_token": 1}', '{"id_token": {"a": 1}}', '{"a":1,"a":2}', "x" * 5000, '{"a": NaN}'):
        assert refusal(claims=claims) == "invalid_request", claims[:20]
    essential = '{"id_token": {"acr": {"essential": true, "value": "urn:gold"}}}'
    assert refusal(claims=essential) == "unmet_authentication_requirements"


@pytest.mark.spec("RFC 9470 §4")
def test_the_least_level_that_is_ours_satisfies_and_others_are_wishes():
    assert judged(acr_values="phr aal2").acr is ACR.AAL2
    assert judged(acr_values="urn:mace:incommon:iap:silver").acr is None


def test_a_request_comes_back_from_where_it_is_kept_as_it_was():
    request = judged(
        prompt="login", max_age="5", acr_values="aal2", claims='{"userinfo": {"email": null}}', login_hint="a@b.test"
    )
    assert AuthorizationRequest.of(json.loads(json.dumps(request.as_json()))) == request


@pytest.mark.attack("AUT-01")
@pytest.mark.attack("AUT-02")
@pytest.mark.attack("AUT-03")
@pytest.mark.attack("AUT-04")
def test_only_the_very_redirect_uri_that_is_registered_is_answered():
    assert sent_to(redirect_uri=CALLBACK) == CALLBACK
    for uri in (
        CALLBACK + "/x",
        CALLBACK + "/../evil",
        CALLBACK + "?x=1",
        CALLBACK + "#x",
        CALLBACK + "/",
        CALLBACK.upper(),
        "https://client.example.com:8443/cb",
        "https://client.example.com@evil.test/cb",
        "https://client.example.com.evil.test/cb",
        "https://client.example.com\\@evil.test/cb",
        "//client.example.com/cb",
        "javascript:alert(1)",
    ):
        assert sent_to(redirect_uri=uri) is None, uri


@pytest.mark.attack("AUT-07")
@pytest.mark.spec("RFC 8252 §7.3")
def test_the_port_of_a_native_clients_loopback_address_is_free_and_its_path_is_not():
    registered = ("http://127.0.0.1/cb", "http://[::1]/cb")
    for uri in ("http://127.0.0.1:51004/cb", "http://[::1]:51004/cb", "http://127.0.0.1/cb"):
        assert sent_to(registered=registered, native=True, redirect_uri=uri) == uri
    for uri in ("http://127.0.0.1:51004/other", "http://localhost:51004/cb", "https://127.0.0.1:51004/cb"):
        assert sent_to(registered=registered, native=True, redirect_uri=uri) is None, uri
    assert sent_to(registered=registered, native=False, redirect_uri="http://127.0.0.1:51004/cb") is None


@pytest.mark.attack("AUT-08")
def test_a_redirect_uri_may_be_left_out_only_where_there_is_one_and_nobody_speaks_openid():
    assert sent_to() == CALLBACK
    assert sent_to(scope="openid") is None
    assert sent_to(registered=(CALLBACK, "https://other.test/cb")) is None
    assert sent_to(registered=()) is None


@pytest.mark.attack("AUT-21")
@pytest.mark.spec("RFC 9207 §2")
def test_every_answer_carries_state_and_issuer_and_keeps_the_query_of_its_uri():
    target = ResponseTarget(redirect_uri="https://c.test/cb?a=1", given=True, state="s&x=1")
    members = target.answer({"code": "abc"}, issuer="https://issuer.test")
    assert target.url(members) == "https://c.test/cb?a=1&code=abc&state=s%26x%3D1&iss=https%3A%2F%2Fissuer.test"
    asked = read_parameters([("response_mode", "fragment"), ("state", "x" * 3000)])
    other = response_target(asked, target)
    assert other.mode is ResponseMode.FRAGMENT
    assert other.state is None
    assert other.url({"error": "x"}) == "https://c.test/cb?a=1#error=x"


def next_of(request: AuthorizationRequest, session: SignedIn | None, **facts: bool) -> Interaction:
    told = {"has_chosen": False, "has_agreed": True, **facts}
    needs = needs_of(request, opened_at=NOW, required_acr=None)
    return next_interaction(request, needs, session, **told, trace=Trace())


def signed_in(*, ago: int = 100, acr: str = "aal1", sub: str = "ann") -> SignedIn:
    return SignedIn(sub=sub, auth_time=NOW - timedelta(seconds=ago), acr=acr)


@pytest.mark.spec("OpenID Connect Core §3.1.2.3")
def test_what_comes_next_follows_from_session_request_and_consent():
    plain = AuthorizationRequest(scope=("openid",))
    assert next_of(plain, None) is Interaction.SIGN_IN
    assert next_of(plain, signed_in()) is Interaction.CODE
    assert next_of(plain, signed_in(), has_agreed=False) is Interaction.CONSENT
    again = AuthorizationRequest(prompt=frozenset({"login"}))
    assert next_of(again, signed_in()) is Interaction.SIGN_IN
    assert next_of(again, signed_in(ago=-1)) is Interaction.CODE
    assert next_of(AuthorizationRequest(max_age=200), signed_in()) is Interaction.CODE
    assert next_of(AuthorizationRequest(max_age=99), signed_in()) is Interaction.SIGN_IN
    assert next_of(AuthorizationRequest(max_age=0), signed_in(ago=-1)) is Interaction.CODE
    assert next_of(AuthorizationRequest(acr=ACR.AAL2), signed_in()) is Interaction.SIGN_IN
    assert next_of(AuthorizationRequest(acr=ACR.AAL2), signed_in(acr="phr")) is Interaction.CODE
    assert next_of(AuthorizationRequest(sub="bob"), signed_in()) is Interaction.SIGN_IN
    choose = AuthorizationRequest(prompt=frozenset({"select_account"}))
    assert next_of(choose, signed_in()) is Interaction.SIGN_IN
    assert next_of(choose, signed_in(), has_chosen=True) is Interaction.CODE
    assert next_of(AuthorizationRequest(prompt=frozenset({"consent"})), signed_in()) is Interaction.CONSENT


@pytest.mark.attack("AUT-16")
def test_with_prompt_none_every_question_is_an_error():
    def silent(session: SignedIn | None, *, has_agreed: bool = True, **asked: object) -> str:
        request = AuthorizationRequest(prompt=frozenset({"none"}), **asked)
        with pytest.raises(RequestRefused) as refused:
            next_of(request, session, has_agreed=has_agreed)
        return refused.value.error

    assert silent(None) == "login_required"
    assert silent(signed_in(), max_age=5) == "login_required"
    assert silent(signed_in(), sub="bob") == "login_required"
    assert silent(signed_in(), acr=ACR.PHR) == "interaction_required"
    assert silent(signed_in(), has_agreed=False) == "consent_required"
    assert next_of(AuthorizationRequest(prompt=frozenset({"none"})), signed_in()) is Interaction.CODE


NAMES = st.sampled_from(
    ("client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "prompt", "max_age", "claims", "request")
) | st.sampled_from(
    ("response_mode", "resource", "code_challenge", "code_challenge_method", "acr_values", "audience", "id_token_hint")
)


@given(st.lists(st.tuples(NAMES, st.text() | st.sampled_from(["code", "openid", CHALLENGE, "S256", "none"]))))
def test_whatever_comes_is_judged_and_never_breaks(pairs):
    parameters, trace = read_parameters(pairs), Trace()
    for rules in (RULES, EXEMPT):
        try:
            request = check_request(parameters, rules, trace)
        except RequestRefused:
            assert trace.failed is not None
        else:
            assert request.challenge or not rules.pkce_required
