"""The signature algorithms we issue. Spec: RFC 7518 §3.1, RFC 8037 §3.1."""

from enum import StrEnum


class Algorithm(StrEnum):
    """The value of `alg`. EdDSA means Ed25519 alone."""

    RS256 = "RS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"
