"""What a genuine token must say to be accepted here."""

import json
import time

import pytest
from joserfc import jwk

pytestmark = pytest.mark.anyio
DAY = 86_400


def at(**offsets):
    now = int(time.time())
    return {name: now + offset for name, offset in offsets.items()}


@pytest.mark.attack("JWT-08")
@pytest.mark.parametrize(
    "offsets",
    [{"exp": -31}, {"exp": -DAY}, {"nbf": 40}, {"iat": DAY}, {"iat": 40}, {"auth_time": 40}],
    ids=["expired", "expired-yesterday", "nbf-ahead", "iat-one-day-ahead", "iat-ahead", "auth_time-ahead"],
)
async def test_token_of_another_time_is_refused(issuer, refused, offsets):
    await refused(issuer.mint(**at(**offsets)))


@pytest.mark.parametrize("offsets", [{"exp": -25}, {"nbf": 25}, {"iat": 25}])
async def test_clocks_may_differ_by_the_leeway(issuer, knock, offsets):
    assert (await knock(issuer.mint(**at(**offsets)))).status_code == 200


@pytest.mark.attack("JWT-08")
async def test_smaller_leeway_is_kept(issuer, guard):
    answer = await guard(leeway=5).get("/open", headers={"authorization": f"Bearer {issuer.mint(**at(exp=-10))}"})
    assert answer.status_code == 401


@pytest.mark.attack("JWT-09")
@pytest.mark.parametrize("aud", ["billing-api", "orders-api/", "ORDERS-API", "", ["billing-api"], [], None, 7, {}, ...])
async def test_token_for_another_audience_is_refused_in_plain_words(issuer, refused, aud):
    assert "expected audience orders-api, token has" in await refused(issuer.mint(aud=aud))


async def test_mismatch_names_both_audiences(issuer, refused):
    assert "expected audience orders-api, token has billing-api)" in await refused(issuer.mint(aud="billing-api"))


@pytest.mark.parametrize("aud", [["orders-api"], ["billing-api", "orders-api"]])
async def test_audience_may_be_a_list(issuer, knock, aud):
    assert (await knock(issuer.mint(aud=aud))).status_code == 200


@pytest.mark.parametrize("aud", ["orders-api", "https://orders.example.com"])
async def test_service_may_have_several_audiences(issuer, guard, aud):
    api = guard(expected_audience=["orders-api", "https://orders.example.com"])
    assert (await api.get("/open", headers={"authorization": f"Bearer {issuer.mint(aud=aud)}"})).status_code == 200


@pytest.mark.attack("JWT-10")
@pytest.mark.parametrize(
    "change", [lambda url: "https://evil.example", lambda url: url + "/", str.upper, lambda url: ""]
)
async def test_token_of_another_issuer_is_refused(issuer, refused, change):
    assert "expected issuer" in await refused(issuer.mint(iss=change(issuer.url)))


@pytest.mark.attack("JWT-10")
@pytest.mark.parametrize("iss", [None, ..., 1, ["x"]])
async def test_token_without_a_plain_issuer_is_refused(issuer, refused, iss):
    await refused(issuer.mint(iss=iss))


@pytest.mark.attack("JWT-10")
async def test_token_of_another_tenant_with_its_true_key_is_refused_without_a_fetch(issuer, refused):
    tenant_key = jwk.ECKey.generate_key("P-256")
    await refused(issuer.mint("ES256", key=tenant_key, iss=f"{issuer.url}/tenant-b"))
    assert issuer.jwks_fetches == 0


async def test_issuer_may_differ_from_the_address_that_is_called(issuer, guard):
    api = guard(issuer="https://auth.example.com")
    right, wrong = issuer.mint(iss="https://auth.example.com"), issuer.mint()
    assert (await api.get("/open", headers={"authorization": f"Bearer {right}"})).status_code == 200
    assert (await api.get("/open", headers={"authorization": f"Bearer {wrong}"})).status_code == 401


@pytest.mark.attack("JWT-12")
@pytest.mark.parametrize("sub", [..., "", 12345, "a\x00b", None, "x" * 256, "a\nb", ["a"], True])
async def test_token_without_a_plain_subject_is_refused(issuer, refused, sub):
    await refused(issuer.mint(sub=sub))


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf", "auth_time"])
@pytest.mark.parametrize("value", [True, 1.5, 1e300, -1, 2**53 + 1, "1", None, [1], {}])
async def test_number_that_is_not_whole_seconds_is_refused(issuer, refused, claim, value):
    await refused(issuer.mint(**{claim: value}))


@pytest.mark.parametrize("claim", ["exp", "iat"])
async def test_token_without_its_times_is_refused(issuer, refused, claim):
    await refused(issuer.mint(**{claim: ...}))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("scope", ["orders:read"]),
        ("roles", "admin"),
        ("roles", [1]),
        ("permissions", {}),
        ("amr", "pwd"),
        ("sid", ""),
        ("client_id", 5),
        ("email", []),
        ("act", "admin"),
        ("act", {}),
        ("act", {"sub": ""}),
        ("acr", 1),
        ("jti", 0),
    ],
)
async def test_claim_of_another_shape_is_refused(issuer, refused, claim, value):
    assert claim in await refused(issuer.mint(**{claim: value}))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"iss":"a","iss":"b"}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\\ud800"}',
        b"[]",
        b"1",
        b"",
        b"{",
        b"\xff\xfe",
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"[" * 9000 + b"]" * 9000 + b"}",
        b'{"a":' + b"[" * 20 + b"]" * 20 + b"}",
        b'{"exp":' + b"9" * 5000 + b"}",
    ],
    ids=[
        "repeated",
        "NaN",
        "Infinity",
        "surrogate",
        "list",
        "number",
        "empty",
        "cut",
        "bytes",
        "utf-16",
        "bom",
        "deep",
        "nested",
        "huge-number",
    ],
)
async def test_payload_that_is_not_a_plain_object_is_refused(issuer, refused, payload):
    await refused(issuer.mint(payload=payload))


async def test_repeated_claim_is_refused_even_when_both_say_the_same(issuer, refused):
    payload = json.dumps(issuer.claims()).encode()
    await refused(issuer.mint(payload=payload[:-1] + b', "aud": "orders-api"}'))


async def test_bound_token_without_its_proof_is_refused(issuer, refused):
    assert "cnf" in await refused(issuer.mint(cnf={"jkt": "x" * 43}))


async def test_identity_holds_what_the_token_says(issuer, knock):
    token = issuer.mint(sub="u-1", email="a@example.com", org_id="o-1", act={"sub": "admin-1"})
    identity = (await knock(token, "/whoami")).json()
    expected = {
        "sub": "u-1",
        "kind": "user",
        "email": "a@example.com",
        "roles": ["clerk"],
        "scopes": ["orders:read", "profile"],
        "permissions": ["orders.list"],
        "client_id": "first-party",
        "org_id": "o-1",
        "acr": "aal1",
        "amr": ["pwd"],
        "actor": "admin-1",
    }
    assert {name: identity[name] for name in expected} == expected
    assert identity["auth_time"] == identity["claims"]["auth_time"]
    assert identity["sid"] == identity["claims"]["sid"]


async def test_token_of_a_client_itself_is_a_services(issuer, knock):
    token = issuer.mint(sub="c_1", client_id="c_1", sid=..., auth_time=..., amr=..., acr=..., roles=...)
    identity = (await knock(token, "/whoami")).json()
    assert (identity["kind"], identity["sid"], identity["roles"]) == ("service", None, [])
