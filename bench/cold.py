"""Signing a token, and the first sight of one: all that is done, beside the bare signature and its bare check.

A process of its own, without a network: the service's answers come from memory. Each line of its input is a
number of seconds, its output one line of microseconds for each token.
"""

import asyncio
import base64
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from app.protocols.jose.signature import Signer
from auth_service_sdk.authenticator import Authenticator
from auth_service_sdk.client import Answer, ServiceConnection
from auth_service_sdk.gate import parse
from auth_service_sdk.identity import Identity
from auth_service_sdk.keyset import JWKS_PATH, KeySet
from auth_service_sdk.session_state import SessionQuestions
from auth_service_sdk.verifier import Expectations, check_claims, check_signature

ISSUER, AUDIENCE, SUBJECT = "http://127.0.0.1:8000", "orders-api", str(uuid.uuid4())
TOKENS = 200
_EXPECTED = Expectations(issuer=ISSUER, audiences=frozenset({AUDIENCE}))


class Service(ServiceConnection):
    """Answers at once, and that every session lives."""

    def __init__(self, jwks: dict[str, Any]) -> None:
        super().__init__(ISSUER)
        self._jwks = json.dumps(jwks).encode()
        self._live = json.dumps({"active": True, "sub": SUBJECT}).encode()

    async def get(self, path: str, *, max_bytes: int, headers: dict[str, str] | None = None, query: str = "") -> Answer:
        return Answer(200, {}, self._jwks if path == JWKS_PATH else self._live)


class Subject:
    """One algorithm: a key, tokens signed by it, two ways to sign one and three to check one."""

    def __init__(self, algorithm: str, key: RSAKey | ECKey | OKPKey) -> None:
        kid = key.thumbprint()
        public = {**key.as_dict(private=False), "kid": kid, "alg": algorithm, "use": "sig"}
        self._service = Service({"keys": [public]})
        self._tokens = [_mint(algorithm, key, kid) for _ in range(TOKENS)]
        self._raw = [_raw_check(key.public_key, token) for token in self._tokens]
        private_key = key.private_key
        assert isinstance(private_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)
        self._signer, self._claims = Signer(private_key, kid=kid), _claims()
        self._raw_sign = _raw_sign(private_key, self._tokens[0].rpartition(b".")[0])

    def bare_signing(self) -> None:
        """The bare signature, in the form that the library gives it."""
        for _ in range(TOKENS):
            self._raw_sign()

    def signing(self) -> None:
        """A whole token as the service signs it."""
        for _ in range(TOKENS):
            self._signer.sign(self._claims, typ="at+jwt")

    def signature(self) -> None:
        """The bare check, of signatures in the form that the library wants."""
        for check in self._raw:
            check()

    async def verification(self) -> None:
        """Gate, claims, key, signature, identity: all that a token is judged by itself."""
        keys = KeySet(self._service)
        for token in self._tokens:
            parsed = parse(token)
            check_claims(parsed.claims, _EXPECTED, time.time())
            key = await keys.find(parsed.kid)
            assert key is not None
            check_signature(parsed, key)
            Identity.from_claims(parsed.claims)

    async def first_sight(self) -> None:
        """The same as the middleware has it done, with the question about the session and the cache's entry."""
        service = self._service
        authenticator = Authenticator(
            expected=_EXPECTED, keys=KeySet(service), questions=SessionQuestions(service), strict=True
        )
        for token in self._tokens:
            await authenticator.authenticate(token)


async def main() -> None:
    """Take orders until the input ends."""
    subjects = {
        "RS256": Subject("RS256", RSAKey.generate_key(2048)),
        "ES256": Subject("ES256", ECKey.generate_key("P-256")),
        "EdDSA": Subject("EdDSA", OKPKey.generate_key("Ed25519")),
    }
    for line in sys.stdin:
        share = float(line) / len(subjects) / 5
        result = {}
        for algorithm, subject in subjects.items():
            result[algorithm] = {
                "bare_signing": await _time(_as_async(subject.bare_signing), share),
                "signing": await _time(_as_async(subject.signing), share),
                "signature": await _time(_as_async(subject.signature), share),
                "verification": await _time(subject.verification, share),
                "first_sight": await _time(subject.first_sight, share),
            }
        print(json.dumps(result), flush=True)


async def _time(act: Callable[[], Awaitable[None]], seconds: float) -> float:
    """CPU microseconds for each token."""
    await act()
    started, count = time.process_time(), 0
    while time.process_time() - started < seconds:
        await act()
        count += TOKENS
    return (time.process_time() - started) / count * 1e6


def _as_async(act: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        act()

    return run


def _claims() -> dict[str, Any]:
    now = int(time.time())
    return {
        "email": "someone@example.com",
        "iss": ISSUER,
        "sub": SUBJECT,
        "aud": AUDIENCE,
        "client_id": "first-party",
        "exp": now + 3600,
        "iat": now,
        "jti": uuid.uuid4().hex,
        "sid": uuid.uuid4().hex,
        "grant_id": uuid.uuid4().hex,
        "scope": "orders:read orders:write",
        "roles": ["clerk"],
        "permissions": ["orders:write"],
        "auth_time": now,
        "amr": ["pwd"],
        "acr": "aal1",
    }


def _mint(algorithm: str, key: RSAKey | ECKey | OKPKey, kid: str) -> bytes:
    """A token like the service's own."""
    parts = ({"alg": algorithm, "kid": kid, "typ": "at+jwt"}, _claims())
    signed = b".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return signed + b"." + _base64(JWSRegistry.algorithms[algorithm].sign(signed, key))


def _raw_sign(private_key: Any, signed: bytes) -> Callable[[], object]:
    if isinstance(private_key, rsa.RSAPrivateKey):
        return lambda: private_key.sign(signed, padding.PKCS1v15(), SHA256())
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        return lambda: private_key.sign(signed, ec.ECDSA(SHA256()))
    assert isinstance(private_key, ed25519.Ed25519PrivateKey)
    return lambda: private_key.sign(signed)


def _raw_check(public_key: Any, token: bytes) -> Callable[[], object]:
    signed, _, encoded = token.rpartition(b".")
    signature = base64.urlsafe_b64decode(encoded + b"==")
    if isinstance(public_key, rsa.RSAPublicKey):
        return lambda: public_key.verify(signature, signed, padding.PKCS1v15(), SHA256())
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        encoded_pair = encode_dss_signature(r, s)
        return lambda: public_key.verify(encoded_pair, signed, ec.ECDSA(SHA256()))
    assert isinstance(public_key, ed25519.Ed25519PublicKey)
    return lambda: public_key.verify(signature, signed)


def _base64(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")


if __name__ == "__main__":
    asyncio.run(main())
