"""Our own tokens, and everything that only looks like one."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.jwk import public_jwk
from app.signing_keys.errors import InvalidToken, UnknownSigningKey
from tests.signing_keys.support import ISSUER, Deployment

# Other work on the machine may take a case any time.
UNHURRIED = settings(deadline=None)

pytestmark = pytest.mark.anyio
TYP = "at+jwt"


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def part(members: object) -> str:
    return b64(json.dumps(members, separators=(",", ":")).encode())


@pytest.fixture(scope="module")
def deployment(shared_deployment):
    return shared_deployment


@pytest.fixture(scope="module")
async def keys(deployment):
    keys = await deployment.process()
    await keys.ensure(Algorithm.ES256)
    await keys.ensure(Algorithm.EDDSA)
    return keys


@pytest.fixture
def token(deployment, keys):
    return keys.sign(deployment.claims(), algorithm=Algorithm.RS256, typ=TYP)


async def refused(keys, token: str) -> InvalidToken:
    with pytest.raises(InvalidToken) as refusal:
        await keys.verify(token, typ=TYP, issuer=ISSUER)
    assert refusal.value.status == 401
    assert refusal.value.code == "invalid_token"
    assert refusal.value.description is None
    return refusal.value


def header_of(token: str) -> dict[str, object]:
    return json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))


def with_header(token: str, **changes: object) -> str:
    header = {name: value for name, value in (header_of(token) | changes).items() if value is not ...}
    return ".".join([part(header), *token.split(".")[1:]])


def kid_for(keys, algorithm: str) -> str:
    return next(key["kid"] for key in json.loads(keys.jwks())["keys"] if key["alg"] == algorithm)


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_a_token_of_ours_is_accepted_with_its_claims(deployment, keys, algorithm):
    claims = deployment.claims(scope="orders:read", roles=["admin"])
    token = keys.sign(claims, algorithm=algorithm, typ=TYP)
    assert header_of(token) == {"alg": algorithm.value, "kid": kid_for(keys, algorithm.value), "typ": TYP}
    verified = await keys.verify(token, typ=TYP, issuer=ISSUER, audience="orders-api")
    assert verified.members == claims


@pytest.mark.attack("JWT-01")
@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "", ..., ["RS256"], ["none"], None, 0])
@pytest.mark.parametrize("signed", [True, False])
async def test_no_algorithm_is_no_signature(keys, token, alg, signed):
    forged = with_header(token, alg=alg)
    await refused(keys, forged if signed else forged.rpartition(".")[0] + ".")


@pytest.mark.attack("JWT-02")
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
async def test_the_public_key_is_no_shared_secret(deployment, keys, alg):
    jwk = json.loads(keys.jwks())["keys"][0]
    numbers = [int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "==")) for name in ("e", "n")]
    public = rsa.RSAPublicNumbers(*numbers).public_key()
    signing_input = f"{part({'alg': alg, 'kid': jwk['kid'], 'typ': TYP})}.{part(deployment.claims())}"
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).rstrip(),
        public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        keys.jwks(),
    ]
    for secret in secrets:
        digest = hmac.digest(secret, signing_input.encode(), getattr(hashlib, f"sha{alg[2:]}"))
        await refused(keys, f"{signing_input}.{b64(digest)}")


@pytest.mark.attack("JWT-03")
@pytest.mark.parametrize("alg", [*Algorithm, "PS256", "RS384", "RS512", "ES384", "ES256K", "Ed25519"])
@pytest.mark.parametrize("kid_of_alg", list(Algorithm))
@pytest.mark.parametrize("signed_with", list(Algorithm))
async def test_header_key_and_signature_must_be_of_one_algorithm(deployment, keys, alg, kid_of_alg, signed_with):
    if alg == kid_of_alg == signed_with:
        return
    token = keys.sign(deployment.claims(), algorithm=signed_with, typ=TYP)
    await refused(keys, with_header(token, alg=str(alg), kid=kid_for(keys, kid_of_alg)))


@pytest.mark.attack("JWT-04")
@pytest.mark.parametrize("with_kid", [True, False])
async def test_a_key_inside_the_token_is_not_used(deployment, keys, with_kid):
    attacker = rsa.generate_private_key(65537, 2048)
    jwk = public_jwk(attacker.public_key())
    kid = kid_for(keys, "RS256") if with_kid else jwk["kid"]
    for members in ({"jwk": jwk}, {"x5c": ["MII"]}, {}):
        signing_input = f"{part({'alg': 'RS256', 'kid': kid, 'typ': TYP, **members})}.{part(deployment.claims())}"
        signature = attacker.sign(signing_input.encode(), padding.PKCS1v15(), SHA256())
        await refused(keys, f"{signing_input}.{b64(signature)}")


@pytest.mark.attack("JWT-05")
@pytest.mark.attack("JWT-07")
@pytest.mark.parametrize(
    "member",
    [
        {"jku": "http://127.0.0.1:1/jwks.json"},
        {"x5u": "https://evil.example/cert.pem"},
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ],
)
async def test_header_members_that_we_do_not_write_are_refused(keys, token, member):
    assert "header members" in str(await refused(keys, with_header(token, **member)))


@pytest.mark.attack("JWT-06")
async def test_unknown_keys_cost_few_readings_and_are_refused(keys, token):
    began = time.perf_counter()
    reads = 0
    last = keys._look_began_at
    for number in range(20):
        with pytest.raises(UnknownSigningKey):
            await keys.verify(with_header(token, kid=f"{number:043}"), typ=TYP, issuer=ISSUER)
        reads += keys._look_began_at != last
        last = keys._look_began_at
    assert reads <= (time.perf_counter() - began) / 0.2 + 2


@pytest.mark.parametrize("kid", ["", "\x00", "\ud800", "../../etc/passwd", "' OR 1=1 --", "k" * 300, None, 1, ["k"]])
async def test_a_kid_that_is_none_of_ours_is_refused(keys, token, kid):
    await refused(keys, with_header(token, kid=kid))


@pytest.mark.attack("JWT-08")
@pytest.mark.parametrize(("claim", "seconds"), [("exp", -31), ("nbf", 35), ("iat", 35), ("iat", 86_400)])
async def test_a_token_out_of_its_time_is_refused(deployment, keys, claim, seconds):
    moment = int(deployment.clock.now().timestamp()) + seconds
    await refused(keys, keys.sign(deployment.claims(**{claim: moment}), algorithm=Algorithm.ES256, typ=TYP))


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -20), ("nbf", 25), ("iat", 25)])
async def test_a_token_is_accepted_within_the_leeway(deployment, keys, claim, seconds):
    moment = int(deployment.clock.now().timestamp()) + seconds
    token = keys.sign(deployment.claims(**{claim: moment}), algorithm=Algorithm.ES256, typ=TYP)
    await keys.verify(token, typ=TYP, issuer=ISSUER)


@pytest.mark.attack("JWT-09")
@pytest.mark.attack("JWT-10")
@pytest.mark.parametrize("expected", [{"issuer": ISSUER + "/"}, {"issuer": "https://x"}, {"audience": "billing-api"}])
async def test_a_token_for_another_reader_is_refused(keys, token, expected):
    with pytest.raises(InvalidToken):
        await keys.verify(token, **({"typ": TYP, "issuer": ISSUER} | expected))


@pytest.mark.attack("JWT-11")
@pytest.mark.parametrize("typ", ["JWT", "AT+JWT", "application/at+jwt", "action+jwt", "revocations+jwt", ""])
async def test_a_token_of_another_type_is_refused(deployment, keys, typ):
    await refused(keys, keys.sign(deployment.claims(), algorithm=Algorithm.ES256, typ=typ))


@pytest.mark.attack("JWT-12")
@pytest.mark.parametrize("sub", [None, "", 7, "a\x00b"])
async def test_a_token_without_a_subject_is_refused(deployment, keys, sub):
    await refused(keys, keys.sign(deployment.claims(sub=sub), algorithm=Algorithm.ES256, typ=TYP))


@pytest.mark.attack("JWT-13")
async def test_another_payload_under_an_old_signature_is_refused(deployment, keys, token):
    header, _, signature = token.split(".")
    await refused(keys, f"{header}.{part(deployment.claims(roles=['admin']))}.{signature}")


@pytest.mark.attack("JWT-13")
@pytest.mark.parametrize("make", ["{0}.{1}", "{0}.{1}.", "{0}..{2}", ".{1}.{2}", "{0}.{1}.{2}.", "{0}.{1}.{2}.{2}.{2}"])
async def test_a_token_of_other_parts_is_refused(keys, token, make):
    await refused(keys, make.format(*token.split(".")))


@pytest.mark.attack("JWT-13")
@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.EDDSA])
async def test_a_signature_of_zeros_is_refused(deployment, keys, algorithm):
    token = keys.sign(deployment.claims(), algorithm=algorithm, typ=TYP)
    for signature in (bytes(64), b"\xff" * 64, bytes(63) + b"\x01", bytes(70)):
        await refused(keys, token.rpartition(".")[0] + "." + b64(signature))


async def test_a_signature_by_a_stranger_under_our_kid_is_refused(deployment, keys):
    strangers = {
        Algorithm.ES256: lambda text: ec.generate_private_key(ec.SECP256R1()).sign(text, ec.ECDSA(SHA256())),
        Algorithm.EDDSA: ed25519.Ed25519PrivateKey.generate().sign,
    }
    for algorithm, sign in strangers.items():
        signing_input = keys.sign(deployment.claims(), algorithm=algorithm, typ=TYP).rpartition(".")[0]
        await refused(keys, f"{signing_input}.{b64(sign(signing_input.encode()))}")


async def test_a_refusal_quotes_nothing_of_the_token(keys, token):
    for changed in (
        with_header(token, kid="marker-in-header"),
        token[:-40] + "A" * 40,
        with_header(token, alg="marker"),
    ):
        refusal = await refused(keys, changed)
        assert "marker" not in str(refusal)
        assert token[-40:] not in str(refusal)


async def test_every_mutation_of_a_good_token_is_refused_and_raises_nothing_else(deployment: Deployment, keys):
    tokens = [keys.sign(deployment.claims(), algorithm=algorithm, typ=TYP) for algorithm in Algorithm]
    mutations = st.one_of(
        st.tuples(st.just("replace"), st.integers(0, 900), st.characters()),
        st.tuples(st.just("insert"), st.integers(0, 900), st.text(min_size=1, max_size=3)),
        st.tuples(st.just("delete"), st.integers(0, 900), st.integers(1, 5)),
        st.tuples(st.just("swap"), st.integers(0, 900), st.integers(0, 900)),
        st.tuples(st.just("bit"), st.integers(0, 900), st.integers(0, 6)),
    )

    @UNHURRIED
    @given(st.sampled_from(tokens), st.lists(mutations, min_size=1, max_size=3))
    def mutate(token, changes):
        mutated = token
        for kind, where, what in changes:
            mutated = changed(mutated, kind, where, what)
        if mutated == token:
            return
        with pytest.raises(InvalidToken):
            verify_without_waiting(keys, mutated)

    mutate()


def changed(token: str, kind: str, where: int, what) -> str:
    where %= max(len(token), 1)
    match kind:
        case "replace":
            return token[:where] + what + token[where + 1 :]
        case "insert":
            return token[:where] + what + token[where:]
        case "delete":
            return token[:where] + token[where + what :]
        case "bit":
            return token[:where] + chr(ord(token[where]) ^ 1 << what) + token[where + 1 :] if token else token
        case _:
            other = what % max(len(token), 1)
            letters = list(token)
            if letters:
                letters[where], letters[other] = letters[other], letters[where]
            return "".join(letters)


def verify_without_waiting(keys, token: str) -> object:
    """Drive `verify` by hand: it waits only to read the key set for a kid it does not know, and that is a refusal."""
    coroutine = keys.verify(token, typ=TYP, issuer=ISSUER)
    try:
        coroutine.send(None)
    except StopIteration as result:
        return result.value
    coroutine.close()
    raise UnknownSigningKey
