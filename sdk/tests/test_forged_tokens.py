"""Tokens that were not made by our issuer, or not as it makes them."""

import hmac
import json
import time

import pytest
from joserfc import jwk
from starlette.responses import JSONResponse

pytestmark = pytest.mark.anyio


@pytest.mark.attack("JWT-01")
@pytest.mark.parametrize(
    "alg", ["none", "None", "nOnE", "NONE", "", ["RS256"], None, 5, ..., "HS256", "RS384", "PS256"]
)
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
async def test_token_of_another_algorithm_is_refused(issuer, refused, alg, signed):
    token = issuer.mint(header={"alg": alg})
    if not signed:
        token = token.rpartition(".")[0] + "."
    await refused(token)


@pytest.mark.attack("JWT-02")
async def test_token_signed_with_the_public_key_as_secret_is_refused(issuer, refused):
    public_key = issuer.keys["RS256"]
    head = issuer.mint("RS256", header={"alg": "HS256"}).rpartition(".")[0]
    for secret in (public_key.as_pem(private=False), public_key.as_der(private=False)):
        signature = hmac.digest(secret, head.encode(), "sha256")
        assert "expected alg" in await refused(f"{head}.{issuer.b64(signature)}")


@pytest.mark.attack("JWT-03")
@pytest.mark.parametrize(
    ("alg", "kid_of", "signed_as"),
    [
        ("RS256", "ES256", "ES256"),
        ("RS256", "ES256", "RS256"),
        ("ES256", "ES256", "RS256"),
        ("ES256", "RS256", "RS256"),
        ("EdDSA", "ES256", "EdDSA"),
        ("ES256", "EdDSA", "ES256"),
    ],
)
async def test_token_whose_algorithm_does_not_fit_its_key_is_refused(issuer, refused, alg, kid_of, signed_as):
    await refused(issuer.mint(alg, sign_as=signed_as, header={"kid": issuer.keys[kid_of].thumbprint()}))


async def test_key_published_for_another_algorithm_verifies_nothing(issuer, refused):
    key = jwk.RSAKey.generate_key(2048)
    issuer.extra_jwks = [issuer.public_jwk("RS512", key)]
    await refused(issuer.mint("RS256", key=key))


@pytest.mark.attack("JWT-04")
async def test_key_inside_the_token_is_refused(issuer, refused):
    theirs = jwk.ECKey.generate_key("P-256")
    token = issuer.mint("ES256", key=theirs, header={"jwk": theirs.as_dict(private=False)})
    assert "jwk" in await refused(token)


@pytest.mark.attack("JWT-05")
@pytest.mark.parametrize("member", ["jku", "x5u"])
async def test_address_of_a_key_inside_the_token_is_refused_and_never_fetched(issuer, mortal_issuer, refused, member):
    theirs = jwk.ECKey.generate_key("P-256")
    mortal_issuer.keys = {"ES256": theirs}
    for target in (f"{mortal_issuer.url}/.well-known/jwks.json", f"{issuer.url}/.well-known/jwks.json"):
        await refused(issuer.mint("ES256", key=theirs, header={member: target}))
    assert mortal_issuer.fetched.total() == issuer.fetched.total() == 0


@pytest.mark.attack("JWT-07")
@pytest.mark.parametrize("crit", [["exp"], ["b64"], ["unknown"], [], "exp", None])
async def test_critical_header_member_is_refused(issuer, refused, crit):
    assert "crit" in await refused(issuer.mint(header={"crit": crit}))


@pytest.mark.parametrize("member", ["b64", "zip", "enc", "x5c", "cty", "nonce", "ALG"])
async def test_header_member_that_an_access_token_does_not_have_is_refused(issuer, refused, member):
    assert member in await refused(issuer.mint(header={member: False}))


@pytest.mark.attack("JWT-11")
@pytest.mark.parametrize("typ", ["JWT", "jwt", "id_token+jwt", "action+jwt", "AT+JWT ", "", None, ["at+jwt"], ...])
async def test_token_of_another_type_is_refused(issuer, refused, typ):
    assert "expected typ at+jwt" in await refused(issuer.mint(header={"typ": typ}))


@pytest.mark.attack("JWT-11")
async def test_id_token_is_refused_as_access_token(issuer, refused):
    id_token = issuer.mint(header={"typ": "JWT"}, scope=..., nonce="n", at_hash="x", client_id=...)
    await refused(id_token)


@pytest.mark.spec("RFC 9068 §4")
@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt"])
async def test_both_spellings_of_the_access_token_type_are_accepted(issuer, knock, typ):
    assert (await knock(issuer.mint(header={"typ": typ}))).status_code == 200


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
async def test_token_of_each_algorithm_is_accepted(issuer, knock, alg):
    assert (await knock(issuer.mint(alg))).status_code == 200


@pytest.mark.attack("JWT-13")
@pytest.mark.parametrize(
    "alter",
    [
        lambda h, p, s, other: f"{h}.{other}.{s}",
        lambda h, p, s, other: f"{h}.{p}.",
        lambda h, p, s, other: f"{h}.{p}",
        lambda h, p, s, other: f"{h}.{p}.{s}.x",
        lambda h, p, s, other: f"{h}.{p}.{s}.x.y",
        lambda h, p, s, other: f"{h}.{p}.{s}.x.y.z",
        lambda h, p, s, other: "..",
        lambda h, p, s, other: ".",
        lambda h, p, s, other: f".{p}.{s}",
        lambda h, p, s, other: f"{h}..{s}",
        lambda h, p, s, other: f"{h}.{p}.{s}=",
        lambda h, p, s, other: f"{h}.{p}.{s}A",
        lambda h, p, s, other: f"{h}.{p}.{s[:-4]}",
        lambda h, p, s, other: f"{h}.{p}.{s.swapcase()}",
    ],
    ids=[
        "swapped-payload",
        "empty-signature",
        "2-parts",
        "4-parts",
        "5-parts",
        "6-parts",
        "dots",
        "dot",
        "no-header",
        "no-payload",
        "padded",
        "one-more",
        "short-signature",
        "other-signature",
    ],
)
async def test_altered_token_is_refused(issuer, refused, alter):
    header, payload, signature = issuer.mint().split(".")
    other = issuer.b64(json.dumps(issuer.claims(sub="victim")).encode())
    await refused(alter(header, payload, signature, other))


@pytest.mark.attack("JWT-13")
async def test_empty_token_is_refused(api):
    answer = await api.get("/open", headers={"authorization": "Bearer "})
    assert answer.status_code == 401


async def test_second_spelling_of_a_signature_is_refused(issuer, refused):
    # 64 bytes leave four unused bits in the last character: 15 other characters decode to the same bytes.
    head, _, signature = issuer.mint().rpartition(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = alphabet[alphabet.index(signature[-1]) + 1]
    assert "canonical" in await refused(f"{head}.{signature[:-1]}{twin}")


@pytest.mark.attack("JWT-14")
@pytest.mark.parametrize(
    "build",
    [
        lambda big, token: f"{big[: 5 << 20]}.e30.AA",
        lambda big, token: f"{token.split('.')[0]}.{big[: 5 << 20]}.AA",
        lambda big, token: big,
        lambda big, token: f"{token}.{big[: 17 << 10]}",
    ],
    ids=["5-MB-header", "5-MB-payload", "10-MB-authorization", "17-kB"],
)
async def test_oversized_token_is_refused_at_once(issuer, guard, knock, build):
    token = issuer.mint()
    await knock(token)
    value = b"Bearer " + build("A" * (10 << 20), token).encode()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/open",
        "headers": [(b"authorization", value)],
        "client": None,
        "server": None,
    }
    sent = []

    async def send(message):
        sent.append(message)

    app = guard().app
    await app(dict(scope, headers=[]), None, send)
    times = []
    for _ in range(5):
        sent.clear()
        started = time.process_time()
        await app(dict(scope), None, send)
        times.append(time.process_time() - started)
        assert sent[0]["status"] == 401
    assert min(times) < 0.005


async def test_header_near_the_limit_is_still_parsed(issuer, knock):
    assert (await knock(issuer.mint(payload=json.dumps(issuer.claims(note="x" * 11_000)).encode()))).status_code == 200


async def test_answer_about_another_subject_confirms_nothing(issuer, knock):
    issuer.answers["/auth/validate"] = lambda _request: JSONResponse({"active": True, "sub": "someone else"})
    answer = await knock(issuer.mint())
    assert (answer.status_code, answer.json()["code"]) == (503, "revocation_state_unknown")
