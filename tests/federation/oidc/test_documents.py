"""What a provider publishes: believed only where it is its own, and kept as long as it may be."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey

from app.federation.connector import Asked, Refusal, SignInRefused
from app.federation.oidc.connector import OIDCConnector
from app.federation.oidc.documents import KEYS, METADATA
from app.federation.oidc.reach import Reach
from tests.federation.oidc.provider import (
    LEAVE_OUT,
    Provider,
    answering,
    bomb,
    html,
    huge,
    new_key,
    redirecting,
    serving,
)
from tests.federation.oidc.relying_party import RelyingParty, connection_to, outbound, relying_party

pytestmark = pytest.mark.anyio

CONFIGURATION = "/.well-known/openid-configuration"


async def refused_to_begin(rp: RelyingParty, provider: Provider, refusal: Refusal, **config: Any) -> str:
    rp.later(3600)
    with pytest.raises(SignInRefused) as refused:
        await rp.connector.begin(connection_to(provider, **config), Asked(state="f_1"))
    assert refused.value.refusal == refusal, refused.value
    return str(refused.value)


@pytest.mark.attack("RPF-06")
async def test_metadata_of_another_issuer_is_refused(provider: Provider, rp: RelyingParty):
    for issuer in (
        "https://evil.example",
        f"{provider.issuer}/",
        provider.issuer.upper(),
        LEAVE_OUT,
        [provider.issuer],
    ):
        provider.metadata_changes = {"issuer": issuer}
        assert "issuer: expected" in await refused_to_begin(rp, provider, Refusal.BROKEN)


@pytest.mark.attack("RPF-06")
async def test_metadata_that_leads_away_from_its_host_is_refused(provider: Provider, rp: RelyingParty):
    for member in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
        for url in (
            f"http://127.0.0.1:{provider.port}/x",
            "http://id.example.com/x",
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://10.0.0.7/x",
            "https://169.254.169.254/latest/meta-data",
            "https://metadata.google.internal/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://intranet/x",
            "https://user:secret@localhost/x",
            "https://id.example.com/x#fragment",
            "ftp://localhost/x",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "//localhost/x",
            "",
            7,
        ):
            provider.metadata_changes = {member: url}
            assert f"{member}: expected" in await refused_to_begin(rp, provider, Refusal.BROKEN)
    for member in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        provider.metadata_changes = {member: LEAVE_OUT}
        await refused_to_begin(rp, provider, Refusal.BROKEN)


@pytest.mark.attack("RPF-06")
async def test_a_public_name_that_leads_to_a_private_address_is_not_called(
    provider: Provider, rp: RelyingParty, rebinding: OIDCConnector
):
    provider.metadata_changes = {"jwks_uri": f"https://keys.example.com:{provider.port}/jwks"}
    rp.connector = rebinding
    received = await rp.refused(provider, Refusal.BROKEN, "id_token: key")
    assert "not on the public internet" in received


@pytest.mark.attack("RPF-06")
async def test_a_private_host_is_called_only_where_the_operator_has_named_it(provider: Provider, rp: RelyingParty):
    """By the settings that declare the connection, or by HTTP__ALLOW_PRIVATE: never by an administrator alone."""
    closed = outbound()
    reach = Reach(closed, in_settings=outbound("localhost"), public=outbound())
    connector = OIDCConnector(reach, rp.clock)
    made = connection_to(provider)
    with pytest.raises(SignInRefused) as refused:
        await connector.begin(made, Asked(state="f_1"))
    assert "HTTP__ALLOW_PRIVATE" in str(refused.value)
    assert provider.requests == []
    rp.connector = connector
    assert (await rp.sign_in(provider, replace(made, from_settings=True))).subject == "248289761001"
    await connector.close()
    await closed.close()


@pytest.mark.attack("RPF-06")
async def test_documents_that_redirect_are_not_followed(provider: Provider, rp: RelyingParty):
    provider.answers = {CONFIGURATION: redirecting("https://evil.example/metadata")}
    assert "redirects are not followed" in await refused_to_begin(rp, provider, Refusal.BROKEN)
    rp.later(60)
    provider.answers = {"/jwks": redirecting(f"{provider.issuer}/other-keys")}
    assert "redirects are not followed" in await rp.refused(provider, Refusal.BROKEN, "id_token: key")
    rp.later(KEYS.lifetime.most)
    provider.answers = {"/token": redirecting(f"{provider.issuer}/moved/token")}
    assert "redirects are not followed" in await rp.refused(provider, Refusal.BROKEN, "token endpoint")
    assert "/moved/token" not in provider.requests
    assert "/other-keys" not in provider.requests


@pytest.mark.attack("RPF-06")
@pytest.mark.fault("F17")
async def test_hostile_documents_are_refused_in_bounded_time_and_size(provider: Provider, rp: RelyingParty):
    for answer, refusal in (
        (html, Refusal.BROKEN),
        (huge, Refusal.BROKEN),
        (bomb, Refusal.BROKEN),
        (answering(200, issuer={"deep": True}), Refusal.BROKEN),
        (answering(404), Refusal.BROKEN),
        (answering(500), Refusal.UNREACHABLE),
        (answering(429), Refusal.UNREACHABLE),
    ):
        provider.answers = {CONFIGURATION: answer}
        await refused_to_begin(rp, provider, refusal)
    provider.answers = {}
    for path, check in (("/jwks", "id_token: key"), ("/token", "token endpoint")):
        for answer in (html, huge, bomb):
            rp.later(KEYS.lifetime.most)
            provider.answers = {path: answer}
            await rp.refused(provider, Refusal.BROKEN, check)


@pytest.mark.fault("F17")
async def test_a_provider_that_hangs_is_given_up_within_the_time_of_a_page(provider_key: Any):
    """Sixty seconds at any endpoint, or a byte now and then: the person has a page long before."""

    async def given_up(path: str, check: str, *, drips: bool = False) -> float:
        async with serving(Provider(key=provider_key, thin_id_token=True)) as provider, relying_party() as rp:
            provider.answers = {path: provider.dripping if drips else provider.hanging}
            started = asyncio.get_running_loop().time()
            if path == CONFIGURATION:
                await refused_to_begin(rp, provider, Refusal.UNREACHABLE)
            else:
                await rp.refused(provider, Refusal.UNREACHABLE, check)
            return asyncio.get_running_loop().time() - started

    took = await asyncio.gather(
        given_up(CONFIGURATION, "discovery"),
        given_up("/token", "token endpoint"),
        given_up("/token", "token endpoint", drips=True),
        given_up("/jwks", "id_token: key"),
        given_up("/userinfo", "userinfo"),
    )
    assert max(took) < 30


async def test_key_sets_that_publish_a_secret_or_nothing_usable_are_refused_whole(provider: Provider, rp: RelyingParty):
    public = provider.key.as_dict(private=False)
    weak = public | {"n": "3q2-7w" * 20}
    for keys in (
        [provider.key.as_dict(private=True)],
        [public, new_key("k2", bits=2048).as_dict(private=True)],
        [public, {"kty": "oct", "k": "c2VjcmV0", "kid": "k2"}],
        [public, {"kty": "RSA", "k": "c2VjcmV0", "kid": "k2"}],
        [OctKey.generate_key(256, {"kid": "k1"}).as_dict(private=True)],
        [public, public],
        [weak],
        [public | {"e": "Aw"}],
        [public | {"use": "enc"}],
        [public | {"alg": "HS256"}],
        [public | {"alg": "none"}],
        [public | {"n": "not base64url!"}],
        [public | {"n": 7}],
        [{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "k1"}],
        [{"kty": "EC", "crv": "secp256k1", "x": "AAAA", "y": "AAAA", "kid": "k1"}],
        [7],
        [],
        [public | {"kid": f"k{number}"} for number in range(65)],
    ):
        rp.later(KEYS.lifetime.most)
        provider.jwks = lambda keys=keys: {"keys": keys}
        received = await rp.refused(provider, Refusal.BROKEN, "id_token: key")
        assert "/jwks" in received
    for document in ({}, {"keys": {}}, {"keys": None}):
        rp.later(KEYS.lifetime.most)
        provider.jwks = lambda document=document: document
        await rp.refused(provider, Refusal.BROKEN, "id_token: key")


async def test_a_weak_key_beside_good_ones_signs_nobody_in(provider: Provider, rp: RelyingParty):
    good = provider.key.as_dict(private=False)
    short = new_key("short", bits=2048).as_dict(private=False) | {"n": good["n"][:160]}
    provider.jwks = lambda: {"keys": [good, short]}
    assert (await rp.sign_in(provider)).subject == "248289761001"
    provider.header_changes = {"kid": "short"}
    assert "bits" in await rp.refused(provider, Refusal.FORGED, "id_token: key")


async def test_each_kind_of_key_signs_by_its_own_algorithm(provider: Provider, rp: RelyingParty):
    keys = {
        "ES256": ECKey.generate_key("P-256", {"kid": "a", "alg": "ES256"}),
        "ES384": ECKey.generate_key("P-384", {"kid": "b", "alg": "ES384"}),
        "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "c", "alg": "EdDSA"}),
        "PS256": type(provider.key).import_key(provider.key.as_dict(private=True) | {"kid": "d", "alg": "PS256"}),
    }
    provider.jwks = lambda: {"keys": [key.as_dict(private=False) for key in keys.values()]}
    for key in keys.values():
        provider.signs_with = key
        provider.header_changes = {"kid": key.kid}
        assert (await rp.sign_in(provider)).subject == "248289761001"


async def test_rotated_keys_are_found_by_their_new_name(provider: Provider, rp: RelyingParty):
    await rp.sign_in(provider)
    provider.key = new_key("k2")
    provider.requests.clear()
    assert (await rp.sign_in(provider)).subject == "248289761001"
    assert provider.requests == ["/token", "/jwks"]


async def test_unknown_key_names_cause_few_fetches(provider: Provider, rp: RelyingParty):
    await rp.sign_in(provider)
    provider.requests.clear()
    for number in range(20):
        provider.header_changes = {"kid": f"unknown-{number}"}
        await rp.refused(provider, Refusal.FORGED, "id_token: key")
    assert provider.requests.count("/jwks") == 1
    rp.later(61)
    for _ in range(5):
        await rp.refused(provider, Refusal.FORGED, "id_token: key")
    assert provider.requests.count("/jwks") == 2


async def test_many_sign_ins_at_once_fetch_each_document_once(provider: Provider, rp: RelyingParty):
    await asyncio.gather(*(rp.sign_in(provider) for _ in range(12)))
    assert provider.requests.count(CONFIGURATION) == 1
    assert provider.requests.count("/jwks") == 1
    assert provider.requests.count("/token") == 12


async def test_documents_are_renewed_ahead_and_kept_while_the_provider_is_down(provider: Provider, rp: RelyingParty):
    await rp.sign_in(provider)
    provider.requests.clear()
    rp.later(KEYS.lifetime.default * 0.8)
    await rp.sign_in(provider)
    async with asyncio.timeout(30):
        while "/jwks" not in provider.requests:
            await asyncio.sleep(0.01)
    provider.answers = {CONFIGURATION: answering(503), "/jwks": html}
    rp.later(METADATA.lifetime.default + 1)
    assert (await rp.sign_in(provider)).subject == "248289761001"
    rp.later(METADATA.hard_limit_seconds)
    await refused_to_begin(rp, provider, Refusal.UNREACHABLE)
    provider.answers = {}
    rp.later(60)
    assert (await rp.sign_in(provider)).subject == "248289761001"


@pytest.mark.attack("RPF-06")
async def test_metadata_that_changes_its_issuer_later_is_not_taken(provider: Provider, rp: RelyingParty):
    await rp.sign_in(provider)
    provider.metadata_changes = {"issuer": "https://evil.example", "token_endpoint": "https://evil.example/token"}
    rp.later(METADATA.lifetime.default + 1)
    identity = await rp.sign_in(provider)
    assert identity.issuer == provider.issuer
    rp.later(METADATA.hard_limit_seconds)
    await refused_to_begin(rp, provider, Refusal.BROKEN)


async def test_a_provider_that_moves_its_endpoints_is_followed(provider: Provider, rp: RelyingParty):
    await rp.sign_in(provider)
    provider.answers = {"/token": html_404, "/jwks": html_404, "/new-keys": provider._jwks}
    provider.metadata_changes = {
        "token_endpoint": f"{provider.issuer}/moved/token",
        "jwks_uri": f"{provider.issuer}/new-keys",
    }
    assert (await rp.sign_in(provider)).subject == "248289761001"
    provider.requests.clear()
    rp.later(KEYS.lifetime.most)
    assert (await rp.sign_in(provider)).subject == "248289761001"
    assert "/moved/token" in provider.requests
    assert "/new-keys" in provider.requests


html_404 = answering(404)
