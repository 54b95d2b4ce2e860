"""ID tokens that must not sign anybody in."""

import base64
import hmac
import itertools
import json
from typing import Any

import pytest
from joserfc.jwk import ECKey

from app.federation.connector import Refusal
from tests.federation.oidc.provider import LEAVE_OUT, Provider, encoded, new_key
from tests.federation.oidc.relying_party import RelyingParty

pytestmark = pytest.mark.anyio

FORGED = Refusal.FORGED


@pytest.mark.attack("RPF-01")
async def test_a_token_with_a_wrong_or_missing_claim_is_refused_and_the_trace_says_why(
    provider: Provider, rp: RelyingParty
):
    now = int(rp.clock.now().timestamp())
    cases: list[tuple[str, dict[str, Any]]] = [
        ("iss", {"iss": "https://evil.example"}),
        ("iss", {"iss": f"{provider.issuer}/"}),
        ("iss", {"iss": LEAVE_OUT}),
        ("iss", {"iss": [provider.issuer]}),
        ("aud", {"aud": "another-client"}),
        ("aud", {"aud": LEAVE_OUT}),
        ("aud", {"aud": []}),
        ("aud", {"aud": ["another-client"]}),
        ("aud", {"aud": {"rp": True}}),
        ("aud", {"aud": ["rp", 7]}),
        ("azp", {"aud": ["rp", "another-client"]}),
        ("azp", {"azp": "another-client"}),
        ("azp", {"azp": None}),
        ("azp", {"aud": ["rp", "another-client"], "azp": "another-client"}),
        ("nonce", {"nonce": "another"}),
        ("nonce", {"nonce": LEAVE_OUT}),
        ("exp", {"exp": now - 31}),
        ("exp", {"exp": LEAVE_OUT}),
        ("exp", {"exp": "tomorrow"}),
        ("exp", {"exp": True}),
        ("iat", {"iat": now + 90}),
        ("iat", {"iat": now - 3600}),
        ("iat", {"iat": LEAVE_OUT}),
        ("nbf", {"nbf": now + 90}),
        ("nbf", {"nbf": "soon"}),
        ("sub", {"sub": LEAVE_OUT}),
        ("sub", {"sub": ""}),
        ("sub", {"sub": 7}),
        ("sub", {"sub": "x" * 256}),
        ("sub", {"sub": "a\nb"}),
        ("at_hash", {"at_hash": "of-another-token"}),
    ]
    for claim, changes in cases:
        provider.id_token_changes = changes
        received = await rp.refused(provider, FORGED, f"id_token: {claim}")
        assert received, changes
    provider.id_token_changes = {"aud": ["rp", "another-client"], "azp": "rp"}
    assert (await rp.sign_in(provider)).subject == "248289761001"


@pytest.mark.attack("RPF-01")
async def test_a_token_of_an_older_authentication_than_asked_for_is_refused(provider: Provider, rp: RelyingParty):
    for changes in ({"auth_time": int(rp.clock.now().timestamp()) - 120}, {"auth_time": LEAVE_OUT}):
        provider.id_token_changes = changes
        await rp.refused(provider, FORGED, "id_token: auth_time", max_age=60)
        assert (await rp.sign_in(provider)).subject == "248289761001"


@pytest.mark.attack("RPF-01")
async def test_a_token_of_another_sign_in_is_refused(provider: Provider, rp: RelyingParty):
    now = int(rp.clock.now().timestamp())
    provider.token_changes = {
        "id_token": provider.sign(
            {"iss": provider.issuer, "aud": "rp", "nonce": "of another", "sub": "1", "iat": now, "exp": now + 60}
        )
    }
    await rp.refused(provider, FORGED, "id_token: nonce")
    for missing in (LEAVE_OUT, 7):
        provider.token_changes = {"id_token": missing}
        await rp.refused(provider, Refusal.BROKEN, "id_token")


@pytest.mark.attack("RPF-02")
async def test_an_unsigned_token_is_refused_however_none_is_spelled(provider: Provider, rp: RelyingParty):
    provider.metadata_changes = {"id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]}
    for alg in ("none", "None", "nOnE", "", "RS256 "):
        for signature in ("", "AAAA"):
            provider.writes_token = lambda header, claims, alg=alg, signature=signature: (
                f"{encoded(header | {'alg': alg})}.{encoded(claims)}.{signature}"
            )
            await rp.refused(provider, FORGED, "id_token: alg")
    provider.writes_token = lambda header, claims: f"{encoded({'kid': header['kid']})}.{encoded(claims)}.AAAA"
    await rp.refused(provider, FORGED, "id_token: form")
    for alg in ("RS256", "ES256", "EdDSA"):
        provider.writes_token = lambda header, claims, alg=alg: f"{encoded(header | {'alg': alg})}.{encoded(claims)}."
        await rp.refused(provider, FORGED, "id_token: signature")


@pytest.mark.attack("RPF-02")
async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(provider: Provider, rp: RelyingParty):
    published = provider.key.as_dict(private=False)
    secrets = (provider.key.as_pem(private=False), json.dumps(published).encode(), provider.client_secret.encode())
    for secret, alg in itertools.product(secrets, ("HS256", "RS256")):

        def by_secret(header: dict[str, Any], claims: dict[str, Any], secret: bytes = secret, alg: str = alg) -> str:
            signed = f"{encoded(header | {'alg': alg})}.{encoded(claims)}"
            mac = hmac.digest(secret, signed.encode(), "sha256")
            return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

        provider.writes_token = by_secret
        await rp.refused(provider, FORGED, "id_token: alg" if alg == "HS256" else "id_token: signature")


@pytest.mark.attack("RPF-02")
async def test_a_token_signed_with_a_foreign_key_under_a_known_name_is_refused(provider: Provider, rp: RelyingParty):
    provider.signs_with = new_key(str(provider.key.kid))
    await rp.refused(provider, FORGED, "id_token: signature")
    provider.signs_with = ECKey.generate_key("P-256", {"kid": provider.key.kid, "alg": "ES256"})
    await rp.refused(provider, FORGED, "id_token: signature")
    provider.signs_with = None

    def altered(header: dict[str, Any], claims: dict[str, Any]) -> str:
        provider.writes_token = None
        head, _, signature = provider.sign(claims).split(".")
        provider.writes_token = altered
        return f"{head}.{encoded(claims | {'sub': 'admin'})}.{signature}"

    provider.writes_token = altered
    await rp.refused(provider, FORGED, "id_token: signature")


@pytest.mark.attack("RPF-02")
async def test_a_token_cannot_bring_or_choose_its_own_key(provider: Provider, rp: RelyingParty):
    own = new_key("own")
    provider.signs_with = own
    for member, value in {
        "jwk": own.as_dict(private=False),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/chain",
        "x5c": ["MIIB"],
        "crit": ["b64"],
        "b64": False,
        "zip": "DEF",
    }.items():
        provider.header_changes = {member: value, "kid": "own"}
        if member in {"crit", "b64", "zip"}:
            provider.writes_token = lambda header, claims: f"{encoded(header)}.{encoded(claims)}.AAAA"
        assert member in await rp.refused(provider, FORGED, "id_token: form")
    provider.writes_token = None
    for kid in ("own", "../../jwks", "' OR 1=1 --", "/dev/null", "http://evil.example/key", "", "k1\u0000", "k" * 5000):
        provider.header_changes = {"kid": kid}
        await rp.refused(provider, FORGED, "id_token: key")
    provider.header_changes = {"kid": LEAVE_OUT}
    # One key is published, so that it is the one; it just did not sign this.
    await rp.refused(provider, FORGED, "id_token: signature")
    provider.header_changes = {}
    provider.writes_token = lambda header, claims: f"{encoded(header | {'kid': ['k1']})}.{encoded(claims)}.AAAA"
    await rp.refused(provider, FORGED, "id_token: form")


@pytest.mark.attack("RPF-02")
async def test_tokens_of_other_kinds_are_no_id_tokens(provider: Provider, rp: RelyingParty):
    for typ in ("at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt"):
        provider.header_changes = {"typ": typ}
        await rp.refused(provider, FORGED, "id_token: typ")
    for typ in ("JWT", "application/jwt", LEAVE_OUT):
        provider.header_changes = {"typ": typ}
        assert (await rp.sign_in(provider)).subject == "248289761001"


@pytest.mark.attack("RPF-02")
async def test_what_is_no_token_at_all_is_refused(provider: Provider, rp: RelyingParty):
    for text in ("", "a.b", "a.b.c.d", "é.é.é", "e30.e30.e30", "W10.e30.AAAA", "x" * 70_000, "....", "{}"):
        provider.token_changes = {"id_token": text}
        await rp.refused(provider, FORGED, "id_token: form")
    head = encoded({"alg": "RS256", "kid": "k1"})
    doubled = base64.urlsafe_b64encode(b'{"sub": "a", "sub": "b"}').rstrip(b"=").decode()
    provider.token_changes = {"id_token": f"{head}.{doubled}.AAAA"}
    await rp.refused(provider, FORGED, "id_token: form")
