"""Passkeys: as the only factor, as a second one, and what bad assertions get."""

import asyncio
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from app.wiring import Services
from tests.authenticator import BE, BS, UP, UV, Authenticator, b64
from tests.second_factors.support import Ann
from tests.support import Events, bearer, claims_of, problem

pytestmark = pytest.mark.anyio


async def options_of(ann: Ann) -> dict[str, object]:
    answer = await ann.api.post("/auth/passkeys/options")
    assert answer.status_code == 200
    return answer.json()["publicKey"]


async def signs_in(ann: Ann, assertion: object, **fields: object) -> object:
    return await ann.api.post("/auth/passkeys/verify", json={"assertion": assertion, **fields})


async def test_a_passkey_alone_signs_in_and_nothing_more_is_asked(ann: Ann) -> None:
    phone = Authenticator(flags=UP | UV | BE | BS)
    added = await ann.adds(phone, name="Phone")
    assert (added["name"], added["synced"], added["backed_up"]) == ("Phone", True, True)
    answer = await signs_in(ann, phone.get(await options_of(ann)), audience="orders-api")
    claims = claims_of(answer.json()["access_token"])
    assert (claims["acr"], claims["amr"], claims["aud"]) == ("phr", ["swk", "user", "mfa"], "orders-api")


async def test_a_passkey_is_a_second_factor_too(ann: Ann) -> None:
    key = Authenticator(flags=UP)
    await ann.adds(key)
    asked = await ann.asked()
    assert set(asked["factors"]) == {"passkey", "recovery_code"}
    shown = await ann.shown(asked["mfa_token"])
    assert [item["id"] for item in shown["allowCredentials"]] == [b64(key.credential_id)]
    answer = await ann.verifies(asked["mfa_token"], "passkey", assertion=key.get(shown))
    claims = claims_of(answer.json()["access_token"])
    assert (claims["acr"], claims["amr"]) == ("aal2", ["pwd", "hwk", "user", "mfa"])


async def test_several_passkeys_are_listed_renamed_and_removed(ann: Ann) -> None:
    first, second = Authenticator(), Authenticator()
    one = await ann.adds(first, name="One")
    two = await ann.adds(second, name="Two")
    headers = bearer(ann.tokens)
    renamed = await ann.api.patch(f"/auth/mfa/passkeys/{one['id']}", headers=headers, json={"name": "Key ring"})
    assert renamed.json()["name"] == "Key ring"
    listed = (await ann.api.get("/auth/mfa/passkeys", headers=headers)).json()["items"]
    assert [item["name"] for item in listed] == ["Key ring", "Two"]
    assert (await ann.api.delete(f"/auth/mfa/passkeys/{two['id']}", headers=headers)).status_code == 204
    problem(await ann.api.delete(f"/auth/mfa/passkeys/{two['id']}", headers=headers), 404, "not_found")
    problem(await signs_in(ann, second.get(await options_of(ann))), 401, "invalid_passkey")
    assert (await signs_in(ann, first.get(await options_of(ann)))).status_code == 200


async def test_a_passkey_is_registered_once_whoever_comes_with_it(ann: Ann) -> None:
    key = Authenticator()
    await ann.adds(key)
    options = (await ann.api.post("/auth/mfa/passkeys", headers=bearer(ann.tokens))).json()["publicKey"]
    assert [item["id"] for item in options["excludeCredentials"]] == [b64(key.credential_id)]
    body = {"credential": key.create(options)}
    answer = await ann.api.post("/auth/mfa/passkeys/confirm", headers=bearer(ann.tokens), json=body)
    problem(answer, 400, "enrolment_refused")


@pytest.mark.attack("PKY-01")
async def test_of_one_challenge_answered_many_times_at_once_one_wins(ann: Ann) -> None:
    key = Authenticator()
    await ann.adds(key)
    assertion = key.get(await options_of(ann))
    answers = await asyncio.gather(*(signs_in(ann, assertion) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


@pytest.mark.attack("PKY-01")
async def test_a_challenge_is_used_up_by_a_wrong_answer_and_too_old_after_five_minutes(ann: Ann) -> None:
    key = Authenticator()
    await ann.adds(key)
    options = await options_of(ann)
    problem(await signs_in(ann, key.get(options, key=ec.generate_private_key(ec.SECP256R1()))), 401, "invalid_passkey")
    problem(await signs_in(ann, key.get(options)), 401, "invalid_passkey")
    options = await options_of(ann)
    ann.wait(301)
    problem(await signs_in(ann, key.get(options)), 401, "invalid_passkey")
    problem(await signs_in(ann, key.get(await options_of(ann), challenge=b64(bytes(32)))), 401, "invalid_passkey")


@pytest.mark.attack("PKY-01")
async def test_a_challenge_of_another_act_or_session_is_refused(ann: Ann) -> None:
    key = Authenticator()
    await ann.adds(key)
    one, other = await ann.asked(), await ann.asked()
    shown = await ann.shown(one["mfa_token"])
    problem(await ann.verifies(other["mfa_token"], "passkey", assertion=key.get(shown)), 401, "invalid_factor")
    problem(await signs_in(ann, key.get(shown)), 401, "invalid_passkey")
    first = await options_of(ann)
    problem(await ann.verifies(one["mfa_token"], "passkey", assertion=key.get(first)), 401, "invalid_factor")
    # A registration begun in one session is not finished in another.
    options = (await ann.api.post("/auth/mfa/passkeys", headers=bearer(ann.tokens))).json()["publicKey"]
    assert (await ann.verifies(one["mfa_token"], "passkey", assertion=key.get(shown))).status_code == 200
    asked = await ann.asked()
    answer = await ann.verifies(asked["mfa_token"], "recovery_code", code=ann.recovery_codes[0])
    body = {"credential": Authenticator().create(options)}
    refused = await ann.api.post("/auth/mfa/passkeys/confirm", headers=bearer(answer.json()), json=body)
    problem(refused, 400, "enrolment_refused")


@pytest.mark.attack("PKY-02")
@pytest.mark.parametrize(
    "origin",
    ["https://evil.test", "https://localhost:8000", "http://app.localhost:8000", "http://localhost:8001", "null", ""],
)
async def test_an_assertion_of_another_origin_is_refused(ann: Ann, origin: str) -> None:
    key = Authenticator()
    await ann.adds(key)
    problem(await signs_in(ann, replace(key, origin=origin).get(await options_of(ann))), 401, "invalid_passkey")


@pytest.mark.attack("PKY-03")
async def test_an_assertion_for_another_party_or_of_another_ceremony_is_refused(ann: Ann) -> None:
    key = Authenticator()
    await ann.adds(key)
    for wrong in (
        replace(key, rp_id="evil.test").get(await options_of(ann)),
        key.get(await options_of(ann), ceremony="webauthn.create"),
    ):
        problem(await signs_in(ann, wrong), 401, "invalid_passkey")


@pytest.mark.attack("PKY-04")
@pytest.mark.parametrize("flags", [0, UV, UP])
async def test_an_assertion_without_presence_or_verification_signs_nobody_in(ann: Ann, flags: int) -> None:
    key = Authenticator()
    await ann.adds(key)
    problem(await signs_in(ann, replace(key, flags=flags).get(await options_of(ann))), 401, "invalid_passkey")


@pytest.mark.attack("PKY-05")
async def test_an_assertion_by_another_key_or_of_another_user_is_refused(ann: Ann) -> None:
    key, stranger = Authenticator(), Authenticator()
    await ann.adds(key)
    bob = Ann(ann.api, ann.people, ann.services)
    bob.tokens = await ann.people.signed_in("bob@example.com")
    await bob.adds(stranger)
    options = await options_of(ann)
    problem(await signs_in(ann, key.get(options, key=stranger.key)), 401, "invalid_passkey")
    # Ann's credential with Bob's handle, and Bob's credential in Ann's sign-in.
    swapped = replace(key, user_handle=stranger.user_handle)
    problem(await signs_in(ann, swapped.get(await options_of(ann))), 401, "invalid_passkey")
    asked = await ann.asked()
    shown = await ann.shown(asked["mfa_token"])
    problem(await ann.verifies(asked["mfa_token"], "passkey", assertion=stranger.get(shown)), 401, "invalid_factor")


@pytest.mark.attack("PKY-06")
async def test_options_are_alike_whoever_asks(ann: Ann) -> None:
    before = await options_of(ann)
    await ann.adds(Authenticator())
    after = await options_of(ann)
    assert before.pop("challenge") != after.pop("challenge")
    assert before == after
    assert not after.get("allowCredentials")
    refused = await ann.api.post("/auth/passkeys/verify", json={"assertion": {"id": "unknown"}})
    problem(refused, 401, "invalid_passkey")


@pytest.mark.attack("PKY-07")
async def test_adding_a_passkey_needs_a_fresh_sign_in_and_the_owner_is_told(ann: Ann, events: Events) -> None:
    ann.wait(601)
    fresh = (await ann.api.post("/auth/refresh", json={"refresh_token": ann.tokens["refresh_token"]})).json()
    answer = await ann.api.post("/auth/mfa/passkeys", headers=bearer(fresh))
    problem(answer, 401, "insufficient_user_authentication")
    assert "max_age=600" in answer.headers["www-authenticate"]
    ann.tokens = await ann.people.log_in()
    await ann.adds(Authenticator(), name="Phone")
    (entry,) = await events.of("mfa.enrolled")
    assert entry["details"] == {"factor": "passkey", "name": "Phone"}


async def test_a_counter_that_goes_back_is_refused_and_one_that_never_counted_is_not_looked_at(ann: Ann) -> None:
    counting = Authenticator(count=5)
    await ann.adds(counting)
    assert (await signs_in(ann, replace(counting, count=6).get(await options_of(ann)))).status_code == 200
    for count in (6, 5, 0):
        answer = await signs_in(ann, replace(counting, count=count).get(await options_of(ann)))
        problem(answer, 401, "invalid_passkey")
    still = Authenticator()
    await ann.adds(still)
    for _ in range(2):
        assert (await signs_in(ann, still.get(await options_of(ann)))).status_code == 200


@pytest.mark.parametrize(
    "assertion",
    [
        {},
        {"id": 1, "response": []},
        {"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "bm8"}},
        {"response": {"clientDataJSON": b64(b"[" * 5000)}},
        {"response": {"clientDataJSON": b64(b'{"challenge": 5}')}},
    ],
)
async def test_an_assertion_that_is_none_is_refused(ann: Ann, assertion: dict[str, object]) -> None:
    problem(await signs_in(ann, assertion), 401, "invalid_passkey")


async def test_a_malformed_answer_to_a_true_challenge_is_refused(ann: Ann) -> None:
    key = Authenticator()
    await ann.adds(key)
    for part in ("authenticatorData", "signature"):
        assertion = key.get(await options_of(ann))
        assertion["response"][part] = b64(b"\xff" * 5)
        problem(await signs_in(ann, assertion), 401, "invalid_passkey")
    for attestation in (b"", b"\xff", b"\xa0", b"\xa3"):
        options = (await ann.api.post("/auth/mfa/passkeys", headers=bearer(ann.tokens))).json()["publicKey"]
        credential = Authenticator().create(options)
        credential["response"]["attestationObject"] = b64(attestation)
        body = {"credential": credential}
        answer = await ann.api.post("/auth/mfa/passkeys/confirm", headers=bearer(ann.tokens), json=body)
        problem(answer, 400, "enrolment_refused")


async def test_a_suspended_user_has_no_passkey_to_sign_in_with(ann: Ann, services: Services) -> None:
    key = Authenticator()
    await ann.adds(key)
    options = await options_of(ann)
    await services.db.fetchrow("UPDATE users SET status = 'suspended' WHERE email = 'ann@example.com'")
    problem(await signs_in(ann, key.get(options)), 401, "invalid_passkey")
