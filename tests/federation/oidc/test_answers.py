"""What the browser brings back, and what the token endpoint says to it."""

from typing import Any

import pytest

from app.federation.connector import Asked, Refusal, SignInRefused
from app.protocols.trace import Trace
from tests.federation.oidc.provider import LEAVE_OUT, Provider, answering, serving
from tests.federation.oidc.relying_party import RelyingParty, connection_to

pytestmark = pytest.mark.anyio


@pytest.mark.attack("RPF-05")
async def test_an_answer_of_another_issuer_or_of_none_though_announced_is_refused(provider: Provider, rp: RelyingParty):
    for iss in ("https://evil.example", f"{provider.issuer}/", "", LEAVE_OUT):
        provider.callback_changes = {"iss": iss}
        await rp.refused(provider, Refusal.FORGED, "iss")
    assert "/token" not in provider.requests
    provider.callback_changes = {"iss": "https://evil.example", "code": LEAVE_OUT, "error": "access_denied"}
    await rp.refused(provider, Refusal.FORGED, "iss")


@pytest.mark.attack("RPF-05")
async def test_where_no_iss_is_announced_none_is_missed_and_a_wrong_one_is_still_refused(
    provider: Provider, rp: RelyingParty
):
    provider.metadata_changes = {"authorization_response_iss_parameter_supported": LEAVE_OUT}
    provider.callback_changes = {"iss": LEAVE_OUT}
    assert (await rp.sign_in(provider)).subject == "248289761001"
    provider.callback_changes = {"iss": "https://evil.example"}
    await rp.refused(provider, Refusal.FORGED, "iss")


@pytest.mark.attack("RPF-05")
async def test_what_was_begun_at_one_provider_cannot_be_completed_at_another(
    provider: Provider, provider_key: Any, rp: RelyingParty
):
    async with serving(Provider(key=provider_key)) as other:
        here, there = connection_to(provider), connection_to(other)
        begun = await rp.connector.begin(here, Asked(state="f_1"))
        answer = await provider.visit(begun.url)
        trace = Trace()
        with pytest.raises(SignInRefused):
            await rp.connector.complete(there, begun.kept, answer, trace)
        assert trace.failed is not None
        assert trace.failed.name == "connection"
        assert "/token" not in other.requests
        # The code of one sign-in is bound to the verifier of that one.
        second = await rp.connector.begin(here, Asked(state="f_2"))
        trace = Trace()
        with pytest.raises(SignInRefused) as refused:
            await rp.connector.complete(here, second.kept, answer, trace)
        assert refused.value.refusal == Refusal.FORGED
        assert trace.failed is not None
        assert trace.failed.received
        assert "invalid_grant" in trace.failed.received


@pytest.mark.attack("RPF-05")
async def test_a_code_counts_once(provider: Provider, rp: RelyingParty):
    connection = connection_to(provider)
    begun = await rp.connector.begin(connection, Asked(state="f_1"))
    answer = await provider.visit(begun.url)
    await rp.connector.complete(connection, begun.kept, answer, Trace())
    with pytest.raises(SignInRefused) as refused:
        await rp.connector.complete(connection, begun.kept, answer, Trace())
    assert refused.value.refusal == Refusal.FORGED


async def test_an_error_in_place_of_a_code_is_told_apart(provider: Provider, rp: RelyingParty):
    for error, refusal in (
        ("access_denied", Refusal.CANCELLED),
        ("login_required", Refusal.CANCELLED),
        ("temporarily_unavailable", Refusal.UNREACHABLE),
        ("server_error", Refusal.UNREACHABLE),
        ("invalid_scope", Refusal.BROKEN),
        ("", Refusal.BROKEN),
    ):
        provider.callback_changes = {"code": LEAVE_OUT, "error": error, "error_description": "because\u0007"}
        received = await rp.refused(provider, refusal, "code")
        assert "\u0007" not in received
    for code in (LEAVE_OUT, "", "a\u0000b", "x" * 9000):
        provider.callback_changes = {"code": code}
        await rp.refused(provider, Refusal.BROKEN, "code", forged=lambda answer: answer)


async def test_a_token_endpoint_that_refuses_or_answers_oddly_ends_the_sign_in(provider: Provider, rp: RelyingParty):
    for answer, refusal, said in (
        (answering(401, error="invalid_client", error_description="no"), Refusal.BROKEN, "invalid_client"),
        (answering(400, error="invalid_grant"), Refusal.FORGED, "invalid_grant"),
        (answering(200, error="bad_verification_code"), Refusal.FORGED, "bad_verification_code"),
        (answering(503, error="temporarily_unavailable"), Refusal.UNREACHABLE, "503"),
        (answering(429), Refusal.UNREACHABLE, "429"),
        (answering(200), Refusal.BROKEN, "access_token"),
        (answering(200, access_token="a\nb", token_type="Bearer"), Refusal.BROKEN, "access_token"),
        (answering(200, access_token="abc", token_type="mac"), Refusal.BROKEN, "mac"),
        (answering(200, access_token="abc"), Refusal.BROKEN, "type"),
    ):
        provider.answers = {"/token": answer}
        assert said in await rp.refused(provider, refusal, "token endpoint")


async def test_a_provider_that_takes_no_secret_of_ours_is_named_as_such(provider: Provider, rp: RelyingParty):
    provider.metadata_changes = {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}
    assert "private_key_jwt" in await rp.refused(provider, Refusal.BROKEN, "token endpoint")


async def test_no_trace_holds_a_secret(provider: Provider, rp: RelyingParty):
    begun = await rp.connector.begin(connection_to(provider), Asked(state="f_1"))
    answer = await provider.visit(begun.url)
    trace = Trace()
    await rp.connector.complete(connection_to(provider), begun.kept, answer, trace)
    shown = "\n".join(f"{check.expected} {check.received}" for check in trace.checks)
    for secret in (answer["code"], begun.kept["nonce"], begun.kept["code_verifier"], provider.client_secret):
        assert secret not in shown
    assert begun.kept["code_verifier"] not in repr(begun)
