"""Trying a connection: every fault is explained."""

from dataclasses import replace

import pytest

from app.federation.connector import Connection, ConnectorKind
from app.protocols.trace import Trace
from tests.federation.oidc.provider import LEAVE_OUT, Provider, answering, html, new_key, redirecting
from tests.federation.oidc.relying_party import CALLBACK, RelyingParty, connection_to

pytestmark = pytest.mark.anyio

CONFIGURATION = "/.well-known/openid-configuration"


def failed(trace: Trace) -> dict[str, str]:
    return {check.name: check.received or "" for check in trace.checks if not check.passed}


async def test_a_provider_that_is_set_up_well_passes_every_check(provider: Provider, rp: RelyingParty):
    trace = await rp.connector.test(connection_to(provider))
    assert failed(trace) == {}
    assert [check.name for check in trace.checks] == [
        *("discovery", "id_token algorithms", "PKCE", "scopes", "transport", "keys", "client", "callback address")
    ]
    assert CALLBACK in str(trace.checks[-1].expected)


async def test_each_fault_is_told_with_its_cure(provider: Provider, rp: RelyingParty):
    await rp.sign_in(provider)
    other = connection_to(provider)
    cases: list[tuple[Connection, dict[str, object], str, str]] = [
        (connection_to(provider, issuer=f"{provider.issuer}/realm"), {}, "discovery", "404"),
        (replace(other, secret="wrong"), {}, "client", "The client id or the client secret is wrong"),
        (replace(other, secret=None), {}, "client", "client id or the client secret is wrong"),
        (connection_to(provider, client_id="another"), {}, "client", "client id or the client secret"),
        (
            connection_to(provider, issuer="http://localhost:1"),
            {},
            "discovery",
            "Is the address right, and can this machine reach it?",
        ),
        (connection_to(provider, issuer=f"http://127.0.0.1:{provider.port}"), {}, "discovery", "HTTP__ALLOW_PRIVATE"),
        (connection_to(provider, issuer="http://nowhere.invalid"), {}, "discovery", "Is the address right"),
        (other, {"answers": {CONFIGURATION: html}}, "discovery", "it should show JSON"),
        (
            other,
            {"answers": {CONFIGURATION: redirecting("https://new.example/x")}},
            "discovery",
            "https://new.example/x",
        ),
        (other, {"answers": {"/jwks": html}}, "keys", "it should show JSON"),
        (other, {"answers": {"/token": html}}, "client", "is the address right?"),
        (other, {"answers": {"/token": answering(500)}}, "client", "is the address right?"),
        (other, {"metadata_changes": {"issuer": "https://x.example"}}, "discovery", "Enter the issuer as the document"),
        (other, {"metadata_changes": {"jwks_uri": LEAVE_OUT}}, "discovery", "jwks_uri: expected"),
        (other, {"metadata_changes": {"code_challenge_methods_supported": ["plain"]}}, "PKCE", "plain"),
        (other, {"metadata_changes": {"scopes_supported": ["email"]}}, "scopes", "openid"),
        (
            other,
            {"metadata_changes": {"id_token_signing_alg_values_supported": ["HS256", "none"]}},
            "id_token algorithms",
            "HS256, none",
        ),
        (
            other,
            {"metadata_changes": {"token_endpoint_auth_methods_supported": ["tls_client_auth"]}},
            "client",
            "tls_client_auth",
        ),
    ]
    for connection, switches, check, said in cases:
        provider.answers, provider.metadata_changes = {}, {}
        for name, value in switches.items():
            setattr(provider, name, value)
        found = failed(await rp.connector.test(connection))
        assert said in found.get(check, ""), (connection.config, switches, found)


async def test_a_trial_asks_the_provider_itself_and_mends_what_was_remembered(provider: Provider, rp: RelyingParty):
    connection = connection_to(provider)
    provider.answers = {CONFIGURATION: answering(503)}
    for _ in range(4):
        assert "discovery" in failed(await rp.connector.test(connection))
    provider.answers = {}
    assert failed(await rp.connector.test(connection)) == {}
    # Not after some back-off: at once.
    assert (await rp.sign_in(provider)).subject == "248289761001"


async def test_keys_that_are_passed_over_are_named(provider: Provider, rp: RelyingParty):
    good = provider.key.as_dict(private=False)
    weak = new_key("old").as_dict(private=False) | {"n": good["n"][:160]}
    provider.jwks = lambda: {"keys": [good, weak]}
    trace = await rp.connector.test(connection_to(provider))
    assert "1 usable; passed over: old is RSA of 960 bits" in str(
        next(c.received for c in trace.checks if c.name == "keys")
    )


async def test_a_connection_that_is_set_up_wrongly_is_explained_too(provider: Provider, rp: RelyingParty):
    wrong = replace(connection_to(provider), config={"client_id": "rp"})
    assert "configuration: issuer" in failed(await rp.connector.test(wrong))


async def test_a_plain_provider_is_tried_by_a_code_that_nobody_gave(provider: Provider, rp: RelyingParty):
    github = replace(connection_to(provider, preset="github", url=provider.issuer), kind=ConnectorKind.OAUTH2)
    for error, known in (
        ("bad_verification_code", True),
        ("incorrect_client_credentials", False),
        ("redirect_uri_mismatch", False),
        ("Not Found", False),
    ):
        provider.answers = {"/login/oauth/access_token": answering(200, error=error)}
        found = failed(await rp.connector.test(github))
        assert ("client" not in found) is known, found
    provider.answers = {"/login/oauth/access_token": answering(200, error="redirect_uri_mismatch")}
    assert CALLBACK in failed(await rp.connector.test(github))["client"]
