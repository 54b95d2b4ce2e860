"""Claims, rules, and what somebody holds by them."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.federation.connector import Rule
from app.federation.providers.mapping import MAX_PARTS, MAX_VALUES, Given, find, has_value, map_claims

KEYCLOAK = {
    "sub": "f3",
    "realm_access": {"roles": ["staff", "offline_access"]},
    "resource_access": {"my.app": {"roles": ["editor"]}, "my": {"app": {"roles": ["reader"]}}},
    "groups": ["/Sales/EMEA", "/Everyone"],
}
AUTH0 = {"https://corp.example/roles": ["support"], "https://corp": {"example/roles": ["planted"]}}
SAML = {
    "http://schemas.xmlsoap.org/claims/Group": ["CN=Helpdesk,OU=Groups,DC=corp,DC=example"],
    "memberOf": ["one", "two"],
}


@pytest.mark.parametrize(
    ("claims", "path", "value"),
    [
        (KEYCLOAK, "realm_access.roles", "staff"),
        (KEYCLOAK, "groups", "/Sales/EMEA"),
        (KEYCLOAK, "sub", "f3"),
        (AUTH0, "https://corp.example/roles", "support"),
        (SAML, "http://schemas.xmlsoap.org/claims/Group", "CN=Helpdesk,OU=Groups,DC=corp,DC=example"),
        (SAML, "memberOf", "two"),
        ({"admin": True}, "admin", "true"),
        ({"admin": False}, "admin", "false"),
        ({"group_id": 1001}, "group_id", "1001"),
        ({"groups": [1001, 7]}, "groups", "7"),
        ({"groups": ("a", "b")}, "groups", "b"),
        ({"scope": "read write"}, "scope", "read write"),
        ({"name": "Zoë"}, "name", "Zoë"),
    ],
)
def test_a_value_is_found_where_the_path_leads(claims, path, value):
    assert has_value(claims, path, value)


@pytest.mark.parametrize(
    ("claims", "path", "value"),
    [
        (KEYCLOAK, "realm_access.roles", "Staff"),
        (KEYCLOAK, "realm_access.roles", "staf"),
        (KEYCLOAK, "realm_access", "roles"),
        (KEYCLOAK, "realm_access.roles.staff", "staff"),
        (KEYCLOAK, "roles", "staff"),
        (KEYCLOAK, "", "staff"),
        (KEYCLOAK, ".", "staff"),
        (KEYCLOAK, "realm_access..roles", "staff"),
        (KEYCLOAK, ".realm_access.roles", "staff"),
        (KEYCLOAK, "groups", "Sales"),
        (KEYCLOAK, "groups", "/Sales/EMEA "),
        ({"scope": "read write"}, "scope", "read"),
        ({"groups": "admins,staff"}, "groups", "staff"),
        ({"groups": [["staff"]]}, "groups", "staff"),
        ({"groups": [{"name": "staff"}]}, "groups", "staff"),
        ({"groups": {"staff": True}}, "groups", "staff"),
        ({"groups": None}, "groups", "None"),
        ({"groups": [None]}, "groups", "null"),
        ({"level": 1.0}, "level", "1.0"),
        ({"level": True}, "level", "1"),
        ({"level": 1}, "level", "true"),
        ({"name": "Zoë"}, "name", "Zoe\u0308"),
        ({}, "groups", "staff"),
    ],
)
def test_what_only_looks_like_the_value_does_not_count(claims, path, value):
    assert not has_value(claims, path, value)


def test_a_name_that_is_spelled_whole_goes_before_one_in_parts():
    assert list(find(AUTH0, "https://corp.example/roles")) == [["support"]]
    assert not has_value(AUTH0, "https://corp.example/roles", "planted")


def test_a_longer_part_goes_before_a_shorter_one_and_what_leads_nowhere_is_passed_by():
    assert list(find(KEYCLOAK, "resource_access.my.app.roles")) == [["editor"]]
    only_short = {"resource_access": {"my.app": {}, "my": {"app": {"roles": ["reader"]}}}}
    assert list(find(only_short, "resource_access.my.app.roles")) == [["reader"]]


def test_neither_deep_paths_nor_long_lists_are_followed_for_ever():
    deep: object = "end"
    for _ in range(MAX_PARTS + 5):
        deep = {"a": deep}
    path = ".".join("a" * (MAX_PARTS + 5))
    assert list(find(deep, path)) == []  # type: ignore[arg-type]
    assert not has_value({"groups": [*["x"] * MAX_VALUES, "staff"]}, "groups", "staff")
    hostile: dict[str, object] = {}
    for length in range(1, 120):
        hostile[".".join("a" * length)] = {}
    assert list(find(hostile, ".".join("a" * 128))) == []


STAFF = Rule(claim="groups", value="staff", roles=((None, "employee"), ("orders-api", "reader")), groups=("Everyone",))
LEADS = Rule(claim="groups", value="leads", roles=(("orders-api", "reader"), ("orders-api", "editor")))


def test_rules_add_to_each_other():
    both = map_claims({"groups": ["staff", "leads"]}, [STAFF, LEADS])
    assert both.roles == {(None, "employee"), ("orders-api", "reader"), ("orders-api", "editor")}
    assert both.groups == {"Everyone"}
    one = map_claims({"groups": ["leads"]}, [STAFF, LEADS])
    assert one == Given(roles=frozenset({("orders-api", "reader"), ("orders-api", "editor")}))


def test_without_the_claim_nothing_is_given():
    assert map_claims({"sub": "x"}, [STAFF]) == Given()
    assert map_claims({"groups": ["staff"]}, []) == Given()


@pytest.mark.parametrize("kept", [Given(), map_claims({"groups": ["staff", "leads"]}, [STAFF, LEADS])])
def test_what_was_given_is_read_again_as_it_was_kept(kept):
    assert Given.of(json.loads(json.dumps(kept.as_json()))) == kept


@pytest.mark.parametrize("name", ["employee", "admin", "Everyone", "reader"])
def test_nothing_is_given_for_having_the_name_of_a_role_or_group(name):
    mapped = map_claims({"groups": [name], "roles": [name], "role": name}, [STAFF, LEADS])
    assert not mapped.roles
    assert not mapped.groups


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
RULES = st.lists(
    st.builds(
        Rule,
        claim=st.text(alphabet="ab.", min_size=1, max_size=8),
        value=st.text(alphabet="xy", min_size=1, max_size=2),
        roles=st.lists(st.tuples(st.none() | st.just("orders-api"), st.sampled_from("rst")), max_size=2).map(tuple),
        groups=st.lists(st.sampled_from("gh"), max_size=2).map(tuple),
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(claims=st.dictionaries(st.text(alphabet="ab.", max_size=6), JSON, max_size=4), rules=RULES)
def test_whatever_the_claims_nothing_is_given_but_what_a_rule_names(claims, rules):
    mapped = map_claims(claims, rules)
    assert mapped.roles <= {role for rule in rules for role in rule.roles}
    assert mapped.groups <= {group for rule in rules for group in rule.groups}
