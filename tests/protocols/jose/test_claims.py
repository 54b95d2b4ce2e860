from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.protocols.jose.claims import ClaimsRefused, check_claims

# Other work on the machine may take a case any time.
UNHURRIED = settings(deadline=None)

ISSUER = "https://auth.example.com"
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
MOMENT = int(NOW.timestamp())
CLAIMS = {"iss": ISSUER, "sub": "u-1", "aud": "orders-api", "exp": MOMENT + 600, "iat": MOMENT}


def check(audience=None, **changes):
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not ...}
    return check_claims(claims, issuer=ISSUER, now=NOW, audience=audience)


def test_good_claims_pass_as_they_came():
    checked = check(email="a@example.com")
    assert (checked.sub, checked.audiences) == ("u-1", ("orders-api",))
    assert (checked.issued_at, checked.expires_at) == (MOMENT, MOMENT + 600)
    assert checked.members["email"] == "a@example.com"


@pytest.mark.attack("JWT-08")
@pytest.mark.parametrize(
    "late_or_early", [{"exp": MOMENT - 30}, {"nbf": MOMENT + 31}, {"iat": MOMENT + 31}, {"iat": MOMENT + 86_400}]
)
def test_a_token_out_of_its_time_is_refused(late_or_early):
    with pytest.raises(ClaimsRefused):
        check(**late_or_early)


@pytest.mark.attack("JWT-08")
@pytest.mark.parametrize("just_in_time", [{"exp": MOMENT - 29}, {"nbf": MOMENT + 30}, {"iat": MOMENT + 30}])
def test_thirty_seconds_of_leeway_are_given(just_in_time):
    check(**just_in_time)


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", [True, 1.5, "1", None, [], -1, 10**12, 10**400, float("nan"), float("inf")])
def test_a_time_that_is_no_whole_second_is_refused(name, value):
    with pytest.raises(ClaimsRefused, match=name):
        check(**{name: value})


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat"])
def test_a_missing_claim_is_refused(name):
    with pytest.raises(ClaimsRefused):
        check(**{name: ...})


@pytest.mark.attack("JWT-09")
@pytest.mark.parametrize("aud", ["billing-api", "", None, [], ["billing-api"], ["orders-api", 1], 1, {}, "orders-api "])
def test_another_audience_is_refused(aud):
    with pytest.raises(ClaimsRefused):
        check(audience="orders-api", aud=aud)


@pytest.mark.spec("RFC 7519 §4.1.3")
def test_one_of_several_audiences_is_enough():
    assert check(audience="orders-api", aud=["billing-api", "orders-api"]).audiences == ("billing-api", "orders-api")


@pytest.mark.attack("JWT-10")
@pytest.mark.parametrize(
    "iss", [ISSUER + "/", ISSUER.upper(), "https://evil.example", "", None, [ISSUER], ISSUER + "#"]
)
def test_another_issuer_is_refused(iss):
    with pytest.raises(ClaimsRefused, match="iss"):
        check(iss=iss)


@pytest.mark.attack("JWT-12")
@pytest.mark.parametrize("sub", ["", None, 1, True, ["u-1"], "u\x00", "u\n", "ü", "\ud800", "u" * 256])
def test_a_subject_that_is_none_is_refused(sub):
    with pytest.raises(ClaimsRefused, match="sub"):
        check(sub=sub)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@UNHURRIED
@given(st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf"]), JSON))
def test_no_claims_raise_anything_but_a_refusal(claims):
    with pytest.raises(ClaimsRefused):
        check_claims(claims, issuer=ISSUER, now=NOW)
