"""An authenticator in software, which can also be asked to answer wrongly."""

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support import ISSUER

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One passkey. Every part of what it answers can be given."""

    rp_id: str = "localhost"
    origin: str = ISSUER
    flags: int = UP | UV
    count: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes | None = None

    def create(self, options: dict[str, Any], *, ceremony: str = "webauthn.create") -> dict[str, Any]:
        """What `navigator.credentials.create` returns, as JSON."""
        self.user_handle = unb64(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        credential = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cose
        data = self._data(self.flags | AT) + credential
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data(ceremony, options["challenge"], self.origin)
        response = {"clientDataJSON": b64(client_data), "attestationObject": b64(attestation)}
        return self._answer({**response, "transports": ["internal", "made-up"]})

    def get(
        self,
        options: dict[str, Any],
        *,
        ceremony: str = "webauthn.get",
        challenge: str | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> dict[str, Any]:
        """What `navigator.credentials.get` returns, as JSON."""
        client_data = self._client_data(ceremony, challenge or options["challenge"], self.origin)
        data = self._data(self.flags)
        signed = data + hashlib.sha256(client_data).digest()
        signature = (key or self.key).sign(signed, ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(signature),
            **({"userHandle": b64(self.user_handle)} if self.user_handle else {}),
        }
        return self._answer(response)

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    @staticmethod
    def _client_data(ceremony: str, challenge: str, origin: str) -> bytes:
        members = {"type": ceremony, "challenge": challenge, "origin": origin, "crossOrigin": False}
        return json.dumps(members).encode()

    def _answer(self, response: dict[str, Any]) -> dict[str, Any]:
        name = b64(self.credential_id)
        return {"id": name, "rawId": name, "type": "public-key", "clientExtensionResults": {}, "response": response}
