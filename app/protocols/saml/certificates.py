"""The keys of an identity provider, as certificates carry them. A certificate is a wrapping: no chain, no expiry.

Spec: SAML V2.0 Metadata Interoperability Profile §2.5.1: what counts is that the metadata names the key.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MAX_CERTIFICATES = 8
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_PEM = re.compile(r"-----(?:BEGIN|END) CERTIFICATE-----")


class CertificateRefused(ValueError):
    """A certificate cannot be read, or its key is too weak to trust."""


def read_certificate(text: str) -> x509.Certificate:
    """A certificate in PEM, or in bare base64 as metadata has it. Raises CertificateRefused."""
    try:
        der = base64.b64decode("".join(_PEM.sub("", text).split()), validate=True)
        certificate = x509.load_der_x509_certificate(der)
    except (binascii.Error, ValueError):
        raise CertificateRefused("this is no X.509 certificate") from None
    fault = fault_of(certificate)
    if fault is not None:
        raise CertificateRefused(fault)
    return certificate


def fault_of(certificate: x509.Certificate) -> str | None:
    """Why nothing may be believed by this key; None where it is strong enough."""
    try:
        key = certificate.public_key()
    except ValueError:
        return "its key is of no kind that is known here"
    if isinstance(key, RSAPublicKey):
        if MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            return None
        return f"its RSA key has {key.key_size} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} are accepted"
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return None
    return "its key is neither RSA nor on the curve P-256, P-384 or P-521"


def is_past(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether its time is over, which is worth a word to the operator and no reason to refuse."""
    return certificate.not_valid_after_utc < now


def fingerprint(certificate: x509.Certificate) -> str:
    """What people compare: SHA-256 in hexadecimal."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def bare(certificate: x509.Certificate) -> str:
    """The form in which metadata and signatures carry it."""
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode("ascii")


def distinct(certificates: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Each once, in their order: metadata often names one for both uses."""
    return tuple({fingerprint(certificate): certificate for certificate in certificates}.values())
