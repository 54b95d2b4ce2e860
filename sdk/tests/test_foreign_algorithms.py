"""Which algorithm a foreign issuer's key is good for: its set, its curve or the metadata say so, and no token."""

import pytest
from joserfc import jwk
from joserfc.jws import JWSRegistry
from starlette.responses import JSONResponse

from auth_service_sdk import JWTAuthMiddleware, OIDCIssuer
from auth_service_sdk.discovery import Discovery
from auth_service_sdk.gate import FOREIGN_ALGORITHMS
from auth_service_sdk.jwks import UnusableKeySet, parse_key_set
from auth_service_sdk.keyset import JWKS_PATH

pytestmark = pytest.mark.anyio
DISCOVERY = "/.well-known/openid-configuration"
RSA = jwk.RSAKey.generate_key(2048)
EC = {
    "ES256": jwk.ECKey.generate_key("P-256"),
    "ES384": jwk.ECKey.generate_key("P-384"),
    "ES512": jwk.ECKey.generate_key("P-521"),
}
KEY_OF = {name: EC.get(name, RSA) for name in FOREIGN_ALGORITHMS} | {"EdDSA": jwk.OKPKey.generate_key("Ed25519")}
RSA_ALGORITHMS = [name for name in FOREIGN_ALGORITHMS if name[0] in "RP"]


def published(*pairs):
    """JWKs of pairs of an algorithm to name (or None) and a key, named one after the other."""
    jwks = []
    for number, (alg, key) in enumerate(pairs):
        named = {} if alg is None else {"alg": alg}
        jwks.append({**key.as_dict(private=False), "kid": f"k{number}", "use": "sig"} | named)
    return {"keys": jwks}


@pytest.fixture
def provider(issuer, guard):
    """Trust an issuer that publishes these keys and says this of itself; `ask` sends it a token."""
    made = []

    def build(*pairs, metadata=None, **options):
        document = {"issuer": issuer.url, "jwks_uri": issuer.url + JWKS_PATH} | (metadata or {})
        issuer.answers[DISCOVERY] = lambda _: JSONResponse(document)
        issuer.answers[JWKS_PATH] = lambda _: JSONResponse(published(*pairs))
        trusted = OIDCIssuer(issuer.url, audience="orders-api", **options)
        client = guard(auth_base_url=None, expected_audience=None, issuer=trusted)
        made.append(client)

        async def ask(alg, kid="k0", key=None):
            token = issuer.mint(alg, key=key or KEY_OF[alg], header={"kid": kid})
            return (await client.get("/whoami", headers={"authorization": f"Bearer {token}"})).status_code

        return ask

    return build


async def test_a_token_of_each_algorithm_is_accepted_by_the_key_that_is_for_it_and_by_no_other(provider):
    ask = provider(*((name, KEY_OF[name]) for name in FOREIGN_ALGORITHMS))
    for number, name in enumerate(FOREIGN_ALGORITHMS):
        assert await ask(name, f"k{number}") == 200, name
        for other in range(len(FOREIGN_ALGORITHMS)):
            if other != number:
                assert await ask(name, f"k{other}") == 401, (name, FOREIGN_ALGORITHMS[other])


@pytest.mark.attack("JWT-03")
async def test_a_token_does_not_choose_among_the_algorithms_of_an_rsa_key(provider):
    """The same key signs them all, and each signature is right: only the published `alg` counts."""
    ask = provider(("PS256", RSA))
    assert {name: await ask(name) for name in RSA_ALGORITHMS} == dict.fromkeys(RSA_ALGORITHMS, 401) | {"PS256": 200}


async def test_only_what_the_caller_allows_counts_whatever_the_key_says(provider):
    ask = provider(("PS256", RSA), ("ES384", EC["ES384"]), algorithms=["ES384"])
    assert (await ask("PS256"), await ask("ES384", "k1")) == (401, 200)


@pytest.mark.parametrize(
    ("named", "allowed", "good"),
    [
        (None, FOREIGN_ALGORITHMS, "RS256"),
        (["RS256"], FOREIGN_ALGORITHMS, "RS256"),
        (["PS384", "ES256"], FOREIGN_ALGORITHMS, "PS384"),
        (["PS512", "RS256"], FOREIGN_ALGORITHMS, "RS256"),
        (["RS256", "PS256"], ["PS256", "RS256"], "PS256"),
        (None, ["RS512"], "RS512"),
        (["ES256", "HS256", 5], FOREIGN_ALGORITHMS, "RS256"),
        (["RS256"], ["PS256", "ES256"], None),
        ("RS512", FOREIGN_ALGORITHMS, "RS256"),
    ],
)
async def test_an_rsa_key_that_names_no_algorithm_is_for_the_one_of_metadata_and_caller(provider, named, allowed, good):
    metadata = {} if named is None else {"id_token_signing_alg_values_supported": named}
    ask = provider((None, RSA), ("ES256", EC["ES256"]), metadata=metadata, algorithms=allowed)
    assert {name for name in RSA_ALGORITHMS if await ask(name) == 200} == ({good} if good else set())


@pytest.mark.parametrize("alg", ["HS256", "HS512", "none", "ES256K", "Ed448", "RSA-OAEP", "rs256", "", None, ["RS256"]])
@pytest.mark.attack("JWT-01")
def test_a_key_of_any_other_algorithm_is_passed_over(alg):
    document = published((None, RSA), ("ES256", EC["ES256"]))
    document["keys"][0]["alg"] = alg
    assert parse_key_set(200, encoded(document), algorithms=FOREIGN_ALGORITHMS).keys() == {"k1"}


@pytest.mark.parametrize(
    ("alg", "key"),
    [("ES256", EC["ES384"]), ("ES384", EC["ES256"]), ("ES512", EC["ES384"]), ("RS256", EC["ES256"]), ("ES256", RSA)],
)
def test_a_key_whose_type_or_curve_does_not_fit_its_algorithm_is_passed_over(alg, key):
    document = published((alg, key), ("EdDSA", KEY_OF["EdDSA"]))
    assert parse_key_set(200, encoded(document), algorithms=FOREIGN_ALGORITHMS).keys() == {"k1"}


WEAK = {
    "1024 bits": {"n": RSA.as_dict(private=False)["n"][:171]},
    "exponent 1": {"e": "AQ"},
    "exponent 2": {"e": "Ag"},
    "even exponent": {"e": "BA"},
    "no modulus": {"n": ""},
    "point off the curve": {"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"},
}


@pytest.mark.parametrize("change", WEAK.values(), ids=WEAK)
@pytest.mark.parametrize("alg", ["PS256", "RS512"])
@pytest.mark.attack("SDK-03")
def test_a_weak_key_spoils_its_set(alg, change):
    document = published((None if "kty" in change else alg, RSA), ("ES256", EC["ES256"]))
    document["keys"][0] |= change
    with pytest.raises(UnusableKeySet):
        parse_key_set(200, encoded(document), algorithms=FOREIGN_ALGORITHMS)


async def test_auth_services_own_tokens_are_of_its_own_algorithms_alone(issuer, knock):
    issuer.extra_jwks = [issuer.public_jwk("PS256", RSA, "ps"), issuer.public_jwk("ES384", EC["ES384"], "es")]
    for alg, key, kid in (("PS256", RSA, "ps"), ("ES384", EC["ES384"], "es")):
        assert (await knock(issuer.mint(alg, key=key, header={"kid": kid}))).status_code == 401


def test_none_and_shared_secrets_can_be_allowed_by_nobody():
    for name in set(JWSRegistry.algorithms) - set(FOREIGN_ALGORITHMS):
        with pytest.raises(ValueError, match="algorithms must be some of"):
            OIDCIssuer("https://id.example.com", audience="a", algorithms=[name])


def test_the_keys_of_metadata_that_were_never_read_are_those_of_the_caller():
    discovery = Discovery(OIDCIssuer("https://id.example.com", audience="a", algorithms="PS512"))
    assert discovery.read_keys(200, encoded(published((None, RSA))))["k0"].alg == "PS512"
    assert JWTAuthMiddleware(None, issuer=OIDCIssuer("https://id.example.com", audience="a"))


def encoded(document):
    return JSONResponse(document).body
