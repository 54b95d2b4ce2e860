"""We prove ourselves by a private key: `private_key_jwt`."""

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.federation.connector import Connection, Refusal
from app.federation.oidc.client_key import ClientKeyRefused, is_private_key, published_keys, read_client_keys
from app.federation.oidc.client_proof import ClientProof, Proving, client_keys
from app.federation.oidc.faults import ProviderFault
from app.federation.oidc.setup import read_oidc
from app.protocols.oidc.upstream_metadata import ProviderMetadata
from tests.administrators import Administrators
from tests.federation.oidc.client_keys import ALGORITHMS, certificate, new_private_key, pem, read
from tests.federation.oidc.provider import Provider
from tests.federation.oidc.relying_party import RelyingParty, connection_to
from tests.support import problem

pytestmark = pytest.mark.anyio

TENANT = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class KeyedProvider:
    """Takes our assertions instead of a secret, each once, and remembers what was in them."""

    def __init__(self, provider: Provider, keys: list[dict[str, str]]) -> None:
        self.provider, self.keys = provider, keys
        self.seen: list[tuple[dict, dict]] = []
        self._usual = provider._token
        provider.metadata_changes["token_endpoint_auth_methods_supported"] = ["private_key_jwt", "client_secret_post"]
        provider.answers["/token"] = self.take

    async def take(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        assert "authorization" not in request.headers
        assert "client_secret" not in form
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        header, claims = read(form["client_assertion"], self.keys)
        if claims["jti"] in {earlier["jti"] for _, earlier in self.seen} or form["client_id"] != claims["sub"]:
            return JSONResponse({"error": "invalid_client"}, 401)
        self.seen.append((header, claims))
        # From here on it is as after a right secret.
        self.provider._client = lambda *_: (self.provider.client_id, self.provider.client_secret)
        return await self._usual(request)


def keyed(provider: Provider, secret: str, **config: object) -> Connection:
    return replace(connection_to(provider, **config), secret=secret)


@pytest.mark.spec("RFC 7523 §2.2")
async def test_a_sign_in_by_each_algorithm_of_ours(provider: Provider, rp: RelyingParty):
    for algorithm in ALGORITHMS:
        own = pem(new_private_key(algorithm))
        connection = keyed(provider, own, token_endpoint_auth_signing_alg=algorithm)
        [published] = client_keys(connection)
        assert "d" not in published
        there = KeyedProvider(provider, [published])
        for _ in range(2):
            identity = await rp.sign_in(provider, connection)
            assert identity.subject == provider.person["sub"], algorithm
        assert (await rp.connector.test(connection)).failed is None, algorithm
        for header, claims in there.seen:
            assert header == {"alg": algorithm, "typ": "JWT", "kid": published["kid"]}
            assert (claims["iss"], claims["sub"], claims["aud"]) == (provider.client_id,) * 2 + (provider.issuer,)
            assert 0 < claims["exp"] - claims["iat"] <= 60
            assert claims["nbf"] <= claims["iat"] <= rp.clock.now().timestamp()
        assert len({claims["jti"] for _, claims in there.seen}) == 3
        shown = "\n".join(f"{check.expected} {check.received}" for check in rp.trace.checks)
        assert "PRIVATE" not in shown


async def test_a_provider_that_says_what_it_takes_is_served_so(provider: Provider, rp: RelyingParty):
    own = pem(new_private_key("RS256"))
    there = KeyedProvider(provider, client_keys(keyed(provider, own, token_endpoint_auth_signing_alg="PS256")))
    provider.metadata_changes["token_endpoint_auth_signing_alg_values_supported"] = ["PS256", "ES256"]
    await rp.sign_in(provider, keyed(provider, own))
    assert there.seen[0][0]["alg"] == "PS256"
    rp.later(100_000)
    provider.metadata_changes["token_endpoint_auth_signing_alg_values_supported"] = ["EdDSA"]
    said = await rp.refused(provider, Refusal.BROKEN, "token endpoint", connection=keyed(provider, own))
    assert "takes EdDSA" in said


@pytest.mark.attack("RPF-05")
async def test_an_assertion_can_not_be_passed_on(provider: Provider, rp: RelyingParty):
    own = pem(new_private_key())
    to_endpoint = keyed(provider, own, client_assertion_audience="token_endpoint")
    there = KeyedProvider(provider, client_keys(to_endpoint))
    await rp.sign_in(provider, to_endpoint)
    assert there.seen[0][1]["aud"] == f"{provider.issuer}/token"
    # A document that names somebody else's endpoint would have us prove ourselves to them.
    rp.later(100_000)
    provider.metadata_changes["token_endpoint"] = "https://login.elsewhere.example/token"
    said = await rp.refused(provider, Refusal.BROKEN, "token endpoint", connection=to_endpoint)
    assert "could be passed on" in said


async def test_a_private_key_is_never_sent(provider: Provider, rp: RelyingParty):
    own = pem(new_private_key())
    for method in ("client_secret_basic", "client_secret_post"):
        connection = keyed(provider, own, token_endpoint_auth_method=method)
        said = await rp.refused(provider, Refusal.BROKEN, "token endpoint", connection=connection)
        assert "would send our private key" in said
    provider.metadata_changes["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    rp.later(100_000)
    said = await rp.refused(provider, Refusal.BROKEN, "token endpoint", connection=keyed(provider, own))
    assert "this connection has a private key" in said
    assert "/token" not in provider.requests
    # Nor a secret taken for a key.
    failed = (await rp.connector.test(keyed(provider, "s3cret", token_endpoint_auth_method="private_key_jwt"))).failed
    assert failed is not None
    assert "0 private keys" in failed.received


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (lambda: pem(rsa.generate_private_key(65537, 1024)), "RSA of 1024 bits"),
        (lambda: pem(ec.generate_private_key(ec.SECP384R1())), "P-256"),
        (lambda: pem(new_private_key(), passphrase=b"x"), "without a passphrase"),
        (lambda: pem(new_private_key(), passphrase=b"x", form=PrivateFormat.TraditionalOpenSSL), "0 private keys"),
        (lambda: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be read"),
        (lambda: pem(new_private_key()) * 5, "5 private keys"),
    ],
)
def test_what_is_no_key_of_ours_is_refused_in_words_and_not_quoted(secret, words):
    given = secret()
    assert is_private_key(given)
    with pytest.raises(ClientKeyRefused, match=words) as refused:
        read_client_keys(given)
    assert given[40:60] not in str(refused.value)


def test_entra_knows_a_key_by_its_certificate():
    own = new_private_key("RS256")
    shown = certificate(own)
    setup = read_oidc("entra", {"tenant": TENANT, "client_id": "app"})
    there = ProviderMetadata(
        issuer=f"https://login.microsoftonline.com/{TENANT}/v2.0",
        authorization_endpoint="https://login.microsoftonline.com/authorize",
        token_endpoint=f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token",
        jwks_uri="https://login.microsoftonline.com/keys",
        auth_methods=("client_secret_post", "private_key_jwt", "client_secret_basic"),
    )
    proving = Proving.at(setup, there, there.token_endpoint, NOW)
    with pytest.raises(ProviderFault, match="certificate of the key"):
        ClientProof.chosen(
            pem(own) + certificate(new_private_key("RS256")).public_bytes(Encoding.PEM).decode(), proving
        )
    proof = ClientProof.chosen(pem(own) + shown.public_bytes(Encoding.PEM).decode(), proving)
    header, claims = read(str(proof.assertion), published_keys(read_client_keys(pem(own)), chosen="PS256"))
    digest = hashlib.sha256(shown.public_bytes(Encoding.DER)).digest()
    assert header == {
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }
    assert claims["aud"] == there.token_endpoint
    assert claims["exp"] - int(NOW.timestamp()) == 60


async def test_our_keys_for_a_provider_are_published_and_one_can_follow_another(api, admins: Administrators):
    admin = await admins.all_powerful()
    first, second = new_private_key(), new_private_key("EdDSA")
    body = {"id": "corp", "name": "Corp", "config": {"issuer": "https://id.corp.example", "client_id": "rp"}}
    made = await api.post("/admin/identity-providers", json={**body, "secret": pem(first) + pem(second)}, headers=admin)
    assert made.status_code == 201, made.text
    assert "PRIVATE" not in made.text
    answer = await api.get("/auth/oauth/corp/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    keys = answer.json()["keys"]
    assert [key["alg"] for key in keys] == ["ES256", "EdDSA"]
    assert all(set(key) <= {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in keys)
    await api.patch("/admin/identity-providers/corp", json={"secret": "plain"}, headers=admin)
    for provider in ("corp", "nobody"):
        problem(await api.get(f"/auth/oauth/{provider}/jwks.json"), 404, "identity_provider_not_found")
    unknown = {**body["config"], "token_endpoint_auth_signing_alg": "HS256"}
    refused = await api.patch("/admin/identity-providers/corp", json={"config": unknown}, headers=admin)
    problem(refused, 422, "invalid_identity_provider")
