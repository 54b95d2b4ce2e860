"""What UserInfo may and may not say."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.federation.connector import Refusal
from app.federation.oidc.userinfo import merged
from tests.federation.oidc.provider import LEAVE_OUT, Provider, answering, html, new_key
from tests.federation.oidc.relying_party import RelyingParty, connection_to

pytestmark = pytest.mark.anyio


@pytest.mark.attack("RPF-03")
async def test_userinfo_of_somebody_else_is_refused(provider: Provider, rp: RelyingParty):
    provider.thin_id_token = True
    for sub in ("somebody-else", LEAVE_OUT, 248289761001, "248289761001 ", ["248289761001"]):
        provider.userinfo_changes = {"sub": sub}
        await rp.refused(provider, Refusal.FORGED, "userinfo: sub")


@pytest.mark.attack("RPF-03")
async def test_signed_userinfo_is_verified_as_an_id_token_is(provider: Provider, rp: RelyingParty):
    provider.thin_id_token = provider.signs_userinfo = True
    for changes, check in (
        ({"iss": "https://evil.example"}, "userinfo: iss"),
        ({"aud": "another-client"}, "userinfo: aud"),
        ({"sub": "somebody-else"}, "userinfo: sub"),
    ):
        provider.userinfo_changes = changes
        await rp.refused(provider, Refusal.FORGED, check)
    provider.userinfo_changes = {}
    foreign = new_key(str(provider.key.kid))

    async def signed_by_another(request: Request) -> Response:
        said = provider.person | {"iss": provider.issuer, "aud": provider.client_id}
        provider.signs_with = foreign
        raw = provider.sign(said)
        provider.signs_with = None
        return Response(raw, media_type="application/jwt")

    provider.answers = {"/userinfo": signed_by_another}
    await rp.refused(provider, Refusal.FORGED, "userinfo: signature")


async def test_userinfo_that_does_not_answer_as_it_may_ends_the_sign_in(provider: Provider, rp: RelyingParty):
    provider.thin_id_token = True
    for answer, refusal in (
        (html, Refusal.BROKEN),
        (answering(401, error="invalid_token"), Refusal.BROKEN),
        (answering(503), Refusal.UNREACHABLE),
    ):
        provider.answers = {"/userinfo": answer}
        await rp.refused(provider, refusal, "userinfo")


@pytest.mark.attack("RPF-07")
async def test_an_address_is_verified_only_where_the_provider_says_true(provider: Provider, rp: RelyingParty):
    for said in (False, "false", "true", LEAVE_OUT, None, 1, "yes", ["true"]):
        provider.id_token_changes = {"email_verified": said}
        identity = await rp.sign_in(provider)
        assert (identity.email, identity.email_verified) == ("jane@corp.example", False), said
    for email in (LEAVE_OUT, 7, "", "no-address", "x" * 250 + "@corp.example", "a@b\n.example"):
        provider.id_token_changes = {"email": email}
        identity = await rp.sign_in(provider, connection_to(provider, userinfo="never"))
        assert (identity.email, identity.email_verified) == (None, False), email


@pytest.mark.attack("RPF-07")
def test_a_verification_never_moves_from_one_address_to_another():
    signed = {"sub": "1", "email": "a@x.example"}
    assert "email_verified" not in merged(signed, {"sub": "1", "email": "b@x.example", "email_verified": True})
    assert "email_verified" not in merged(signed, {"sub": "1", "email_verified": True})
    assert merged(signed, {"sub": "1", "email": "a@x.example", "email_verified": True})["email_verified"] is True
    unnamed = {"sub": "1", "email_verified": True}
    assert "email_verified" not in merged(unnamed, {"sub": "1", "email": "b@x.example"})
    refuted = {"sub": "1", "email": "a@x.example", "email_verified": False}
    assert merged(refuted, {"sub": "1", "email": "a@x.example", "email_verified": True})["email_verified"] is False


@pytest.mark.attack("RPF-03")
def test_of_the_sign_in_itself_only_the_signed_word_counts():
    told = {"sub": "1", "hd": "corp.example", "tid": "t", "acr": "aal3", "amr": ["hwk"], "sid": "s", "name": "Jane"}
    assert merged({"sub": "1"}, told) == {"sub": "1", "name": "Jane"}
