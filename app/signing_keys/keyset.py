"""The key set as one process holds it in memory."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.signature import Signer, Verifier
from app.signing_keys.material import KeyMaterial


class KeyState(StrEnum):
    """Where a key stands in its life."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    REVOKED = "revoked"


# What stands in the JWKS. In this order, so that a reader that takes the first key of a kind takes the one that signs.
PUBLISHED = (KeyState.ACTIVE, KeyState.RETIRING, KeyState.NEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDescription:
    """What an operator sees of a key. It verifies until `retired_at`, or `retires_at` where that lies ahead."""

    kid: str
    algorithm: Algorithm
    state: KeyState
    created_at: datetime
    activated_at: datetime | None
    retires_at: datetime | None
    retired_at: datetime | None


class PreparedKey:
    """A key pair ready to sign and verify."""

    def __init__(self, material: KeyMaterial) -> None:
        self.kid = material.kid
        self.public_jwk = material.public_jwk
        self.signer = Signer(material.private_key, kid=material.kid)
        self.verifier = Verifier(material.private_key.public_key())


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A key with its place in the set. `activated_at` may lie ahead: the former key signs until then."""

    prepared: PreparedKey
    algorithm: Algorithm
    state: KeyState
    activated_at: datetime | None


class KeySet:
    """The published keys at one moment: who verifies, who signs, and the document that says so. Never changes."""

    def __init__(self, keys: Sequence[PublishedKey], now: datetime) -> None:
        self.verifiers: Mapping[str, Verifier] = {key.prepared.kid: key.prepared.verifier for key in keys}
        self.signers: Mapping[Algorithm, Signer] = {
            algorithm: key.prepared.signer for algorithm in Algorithm if (key := _signing_key(keys, algorithm, now))
        }
        self.counts = Counter((key.algorithm, key.state) for key in keys)
        ordered = sorted(keys, key=lambda key: (key.algorithm.value != Algorithm.RS256, *_place(key)))
        document = {"keys": [key.prepared.public_jwk for key in ordered]}
        self.jwks = json.dumps(document, separators=(",", ":")).encode()
        self.etag = f'"{hashlib.sha256(self.jwks).hexdigest()[:32]}"'


def _place(key: PublishedKey) -> tuple[str, int, str]:
    return key.algorithm.value, PUBLISHED.index(key.state), key.prepared.kid


def _signing_key(keys: Sequence[PublishedKey], algorithm: Algorithm, now: datetime) -> PublishedKey | None:
    """The key last activated. One whose moment lies ahead waits, unless there is no other."""
    ever = [key for key in keys if key.algorithm is algorithm and key.activated_at is not None]
    due = [key for key in ever if key.activated_at is not None and key.activated_at <= now]
    return max(due, key=_activation, default=None) or max(ever, key=_activation, default=None)


def _activation(key: PublishedKey) -> tuple[datetime, bool]:
    if key.activated_at is None:
        raise ValueError("a key that was never activated signs nothing")
    return key.activated_at, key.state is KeyState.ACTIVE
