import pytest

from app.audiences import rules
from app.audiences.definition import AudienceDefinition, check
from app.audiences.errors import InvalidAudience
from app.audiences.own import OWN_SCOPES
from app.protocols.jose.algorithms import Algorithm


@pytest.mark.parametrize("name", ["orders-api", "a", "https://orders.example.com/v1", "urn:orders", "A" * 128, "o.r_d"])
def test_a_name_of_safe_characters_is_taken(name):
    assert rules.is_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "self", "-orders", "A" * 129, "orders api", "orders\n", "orders\x00", "örders", "a?b", "a#b", "a@b", "\ud800"],
)
def test_a_name_outside_the_safe_set_is_refused(name):
    assert not rules.is_name(name)


def test_a_name_in_the_form_of_a_client_id_is_refused():
    assert not rules.is_name("c_" + "a" * 22)
    assert rules.is_name("c_" + "a" * 21)


@pytest.mark.spec("RFC 8707 §2")
@pytest.mark.parametrize(
    "resource",
    [
        "https://orders.example.com",
        "https://x/y?z=1",
        "https://[::1]:8443/",
        "http://localhost:8001",
        "http://127.0.0.9/a",
    ],
)
def test_an_absolute_https_or_loopback_uri_is_a_resource(resource):
    assert rules.is_resource(resource)


@pytest.mark.spec("RFC 8707 §2")
@pytest.mark.parametrize(
    "resource",
    [
        "",
        "/orders",
        "orders.example.com",
        "https://orders.example.com#part",
        "https://orders.example.com#",
        "http://orders.example.com",
        "http://localhost.evil.example",
        "http://10.0.0.1",
        "ftp://localhost",
        "https://",
        "https:///path",
        "https://user:password@orders.example.com",
        "https://orders.example.com:port",
        "https://[::1",
        "https://orders.example.com/a b",
        "https://orders.example.com/\n",
        "https://örders.example.com",
        "https://" + "a" * 600,
    ],
)
def test_any_other_text_is_no_resource(resource):
    assert not rules.is_resource(resource)


@pytest.mark.spec("RFC 6749 §3.3")
@pytest.mark.parametrize(
    ("scope", "right"),
    [
        ("orders:read", True),
        ("!#[]~", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("a b", False),
        ('a"b', False),
        ("a\\b", False),
        ("é", False),
        ("a\n", False),
    ],
)
def test_a_scope_is_one_token_of_at_most_64_characters(scope, right):
    assert rules.is_scope(scope) is right


@pytest.mark.attack("OIP-08")
@pytest.mark.parametrize(
    "claim", ["iss", "sub", "aud", "exp", "acr", "amr", "scope", "roles", "permissions", "cnf", "act"]
)
def test_an_audience_cannot_ask_for_a_reserved_claim(claim):
    with pytest.raises(InvalidAudience, match="reserved"):
        check(AudienceDefinition(name="orders-api", claims=(claim,)))


@pytest.mark.parametrize("claim", ["", "a-b", "1st", "tier ", "x" * 65, "ünit"])
def test_an_audience_cannot_ask_for_what_is_no_attribute(claim):
    with pytest.raises(InvalidAudience, match="claims"):
        check(AudienceDefinition(name="orders-api", claims=(claim,)))


def test_an_audience_may_ask_for_user_columns_and_attributes():
    check(AudienceDefinition(name="orders-api", claims=("email", "email_verified", "name", "tier")))


@pytest.mark.parametrize("seconds", [0, -1, 3601])
def test_a_token_life_outside_the_limits_is_refused(seconds):
    with pytest.raises(InvalidAudience, match="access_token_seconds"):
        check(AudienceDefinition(name="orders-api", access_token_seconds=seconds))


def test_every_fault_of_a_definition_is_named_with_its_pointer():
    definition = AudienceDefinition(
        name="self", resources=("ftp://x",), scopes={"a b": None, "c": "d e"}, claims=("sub",)
    )
    with pytest.raises(InvalidAudience) as refused:
        check(definition)
    pointers = [error["pointer"] for error in refused.value.extensions["errors"]]
    assert pointers == ["/name", "/resources", "/scopes", "/claims"]


def test_a_definition_of_endless_parts_is_refused():
    with pytest.raises(InvalidAudience, match="at most 200"):
        check(AudienceDefinition(name="orders-api", scopes={f"s{n}": None for n in range(201)}))


def test_equal_definitions_compare_equal_whatever_their_order():
    one = AudienceDefinition(name="a", resources=("https://b", "https://a", "https://b"), scopes={"y": None, "x": "p"})
    two = AudienceDefinition(name="a", resources=("https://a", "https://b"), scopes={"x": "p", "y": None})
    assert one.in_order() == two.in_order()
    assert one.as_json()["signing_algorithm"] is None
    assert AudienceDefinition(name="a", signing_algorithm=Algorithm.ES256).as_json()["signing_algorithm"] == "ES256"


def test_each_scope_of_this_service_needs_the_permission_of_its_name():
    assert OWN_SCOPES["admin:users:read"] == "admin:users:read"
    assert "admin:users:impersonate" in OWN_SCOPES
    assert all(rules.is_scope(scope) and scope == permission for scope, permission in OWN_SCOPES.items())
